//! Zone files (RFC 1035 §5) with the extensions of BIND: `$TTL` (RFC 2308 §4), `$GENERATE`, units
//! in times, `\#` (RFC 3597 §5).

mod generate;
mod lexer;
mod origin;
mod rdata;
mod reader;
mod ttl;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Problem;
use crate::model::{Record, RecordType};

pub use origin::origin_of_file_name;

/// What a zone file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneFile {
    /// Normalised: the owner of the SOA, else a `$ORIGIN` before all records, else, if there is a
    /// record of a known type, the origin that the caller gave. None: there is none of them, and `records` is empty.
    pub zone: Option<String>,
    /// Normalised, in the order of the file.
    pub records: Vec<Record>,
    /// Lines that were not read: the records are not all that the zone has.
    pub problems: Vec<Problem>,
    /// Records of names outside of the zone, which name servers ignore too. No problem.
    pub outside: Vec<Problem>,
    /// How many records of which type are kept as the file has them.
    pub raw: BTreeMap<RecordType, u64>,
}

/// A file that a zone file includes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// As problems shall name it.
    pub file: PathBuf,
    pub text: Vec<u8>,
}

/// Reads a zone file. `origin` is a normalised name, such as [`origin_of_file_name`] gives; what
/// the file says goes before it. `include` gets the path of `$INCLUDE` as it is written and must
/// confine it; what it refuses is a problem.
///
/// A bad line is a problem, and reading goes on with the next. At most 10 files deep, 1,000 files
/// and 65,536 generated names are read.
pub fn read(
    file: Arc<PathBuf>,
    text: &[u8],
    origin: Option<String>,
    include: &mut dyn FnMut(&str) -> Result<Included, String>,
) -> ZoneFile {
    let mut reader = reader::Reader::new(file, origin, include);
    reader.read(text);
    reader.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Nothing that stands in a file makes the reader panic, and what it reads is normalised.
        #[test]
        fn any_text_is_read_to_its_end(
            words in prop::collection::vec(
                prop_oneof![
                    4 => "@|a|\\\\.|x\\.test\\.|\\.|\"a b\"|\"|\\(|\\)|;|\\\\#|\\\\|\\$|é|\u{0}|\u{feff}",
                    4 => "IN|CH|1h|60|0|65536|4294967296|::1|192\\.0\\.2\\.1|abcd|-1|1-3|1-3/2|\\$\\{1,2,n\\}",
                    4 => "A|AAAA|MX|TXT|SRV|CAA|SOA|NS|CNAME|HTTPS|SVCB|NAPTR|TLSA|DS|DNSKEY|RRSIG|NSEC|NSEC3|NSEC3PARAM|SSHFP|IPSECKEY|ZONEMD|RP|HINFO|LOC|TYPE16|TYPE65400",
                    2 => "\\$ORIGIN|\\$TTL|\\$INCLUDE|\\$GENERATE",
                    1 => ".{0,6}",
                ],
                0..60,
            ),
            ends in prop::collection::vec("[ \t\r\n]", 60),
        ) {
            let text: String = words.iter().zip(&ends).flat_map(|(w, end)| [w.as_str(), end]).collect();
            let mut include = |path: &str| {
                Ok(Included { file: path.into(), text: text.clone().into_bytes() })
            };
            let bytes = text.as_bytes();
            let zone = read(Arc::default(), bytes, Some("example.org".into()), &mut include);
            for record in &zone.records {
                prop_assert_eq!(&crate::inventory::normalise::name(&record.name).unwrap(), &record.name);
            }
        }
    }
}

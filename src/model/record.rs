//! DNS records in the form that checks compare.

use std::fmt;

/// One record. Names in `name` and `content` are lower case, without the final dot, as A-labels
/// (`crate::inventory` brings them into this form).
///
/// `content` by type: TXT is the strings joined without spaces or quotes (RFC 7208 §3.3); MX the
/// target alone, `.` for a null MX (RFC 7505); SRV `weight port target`; CAA `flags tag "value"`;
/// every other type its presentation form, an unknown one `\# ..` or as its source had it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub name: String,
    pub kind: RecordType,
    pub content: String,
    /// Of MX and SRV.
    pub priority: Option<u16>,
    /// Seconds; 1 is a provider's `automatic`.
    pub ttl: Option<u32>,
    /// Served by the provider's proxy, which hides the content. None: the source does not say.
    pub proxied: Option<bool>,
    /// Reached through a private network only.
    pub private_routing: bool,
}

impl Record {
    /// A record of which nothing but the name, type and content is known.
    pub fn new(name: impl Into<String>, kind: RecordType, content: impl Into<String>) -> Record {
        Record {
            name: name.into(),
            kind,
            content: content.into(),
            priority: None,
            ttl: None,
            proxied: None,
            private_routing: false,
        }
    }

    pub fn is_proxied(&self) -> bool {
        self.proxied == Some(true)
    }

    /// Whether mail for the owner goes somewhere: an MX that is not null (RFC 7505).
    pub fn receives_mail(&self) -> bool {
        self.kind == RecordType::Mx && self.content != "."
    }
}

macro_rules! record_types {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// The type of a record. `ALIAS` stands for what a provider resolves itself.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RecordType {
            $($variant,)+
            /// Any other, by the name that its source gives it; `TYPE123` for a bare number
            /// (RFC 3597 §5).
            Other(Box<str>),
        }

        impl RecordType {
            /// Reads the name of a type, in any case.
            pub fn from_name(name: &str) -> RecordType {
                let known = |name: &str| match name {
                    $($name => Some(RecordType::$variant),)+
                    _ => None,
                };
                // As inventories have it, without a copy.
                known(name).unwrap_or_else(|| {
                    let upper = name.to_ascii_uppercase();
                    known(&upper).unwrap_or_else(|| RecordType::Other(upper.into()))
                })
            }

            pub fn name(&self) -> &str {
                match self {
                    $(RecordType::$variant => $name,)+
                    RecordType::Other(name) => name,
                }
            }
        }
    };
}

record_types! {
    A "A", Aaaa "AAAA", Alias "ALIAS", Caa "CAA", Cert "CERT", Cname "CNAME", Dname "DNAME",
    Dnskey "DNSKEY", Ds "DS", Https "HTTPS", Loc "LOC", Mx "MX", Naptr "NAPTR", Ns "NS",
    Nsec "NSEC", Nsec3 "NSEC3", Ptr "PTR", Rrsig "RRSIG", Smimea "SMIMEA", Soa "SOA", Srv "SRV",
    Sshfp "SSHFP", Svcb "SVCB", Tlsa "TLSA", Txt "TXT", Uri "URI",
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Records ordered by owner name, then type, then content; the same record twice is one (RFC 2181
/// §5). A look-up is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records(Vec<Record>);

impl Records {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Record> {
        self.0.iter()
    }

    /// Each owner name with its records, by name.
    pub fn owners(&self) -> impl Iterator<Item = (&str, &[Record])> {
        let owners = self.0.chunk_by(|left, right| left.name == right.name);
        owners.map(|records| (records[0].name.as_str(), records))
    }

    /// The records of one owner name; empty if it has none.
    pub fn at(&self, name: &str) -> &[Record] {
        let start = self.0.partition_point(|record| record.name.as_str() < name);
        let rest = &self.0[start..];
        let end = rest.iter().take_while(|record| record.name == name).count();
        &rest[..end]
    }

    pub fn into_vec(self) -> Vec<Record> {
        self.0
    }
}

impl FromIterator<Record> for Records {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Records {
        let mut records: Vec<Record> = records.into_iter().collect();
        records.sort_unstable();
        records.dedup();
        Records(records)
    }
}

impl<'r> IntoIterator for &'r Records {
    type Item = &'r Record;
    type IntoIter = std::slice::Iter<'r, Record>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_keeps_its_name_also_when_nobody_knows_it() {
        for (name, kind) in [("a", RecordType::A), ("CNAME", RecordType::Cname)] {
            assert_eq!(RecordType::from_name(name), kind);
            assert_eq!(kind.name(), name.to_ascii_uppercase());
        }
        assert_eq!(RecordType::from_name("type65400").name(), "TYPE65400");
    }

    #[test]
    fn records_are_a_set_in_the_order_of_their_owners() {
        let record = |name: &str, content| Record::new(name, RecordType::A, content);
        let [a1, a2, b] = [record("a.test", "1"), record("a.test", "2"), record("b.test", "1")];
        let records: Records = [&b, &a2, &a1, &a2].into_iter().cloned().collect();
        assert_eq!(records.at("a.test"), [a1, a2]);
        assert_eq!(records.at("b.test"), [b]);
        assert!(records.at("c.test").is_empty());
        let owners: Vec<_> = records.owners().map(|(name, set)| (name, set.len())).collect();
        assert_eq!(owners, [("a.test", 2), ("b.test", 1)]);
    }
}

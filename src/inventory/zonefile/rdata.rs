//! The data of one record: by the parser of `domain` where it knows the type.

use bytes::Bytes;
use domain::base::name::FlattenInto;
use domain::base::rdata::ParseRecordData;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::base::{Name, ParsedName};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};

use super::lexer::Token;
use super::origin::Origin;
use super::ttl;
use crate::inventory::normalise::{names_in, text_of_bytes};
use crate::model::RecordType;

type Data = ZoneRecordData<Bytes, Name<Bytes>>;

/// Content for `normalise::record`, and whether it is as the file has it because nobody here
/// knows the type.
pub(super) struct Content {
    pub(super) text: String,
    pub(super) is_raw: bool,
}

/// Reads the data of a record.
///
/// # Errors
/// Data that is none for its type, with the reason.
pub(super) fn content(
    kind: &RecordType,
    tokens: &[Token<'_>],
    origin: &Origin,
) -> Result<Content, String> {
    let known = |text| Ok(Content { text, is_raw: false });
    if tokens.is_empty() {
        return Err(format!("a {kind} record without data"));
    }
    let is_generic = tokens[0].text == b"\\#" && !tokens[0].is_quoted;
    match kind {
        RecordType::Txt if !is_generic => known(text(tokens)?),
        RecordType::Soa if !is_generic => known(soa(tokens, origin)?),
        _ if is_parsed(kind) && !has_numbered_key(kind, tokens) => {
            known(parsed(kind, tokens, origin)?)
        }
        _ => Ok(Content { text: raw(kind, tokens, is_generic, origin)?, is_raw: true }),
    }
}

/// Whether `domain` reads the presentation form of the type.
fn is_parsed(kind: &RecordType) -> bool {
    match kind {
        RecordType::Alias
        | RecordType::Cert
        | RecordType::Loc
        | RecordType::Smimea
        | RecordType::Uri => false,
        RecordType::Other(name) => matches!(
            &**name,
            "CDNSKEY"
                | "CDS"
                | "HINFO"
                | "IPSECKEY"
                | "MB"
                | "MD"
                | "MF"
                | "MG"
                | "MINFO"
                | "MR"
                | "NSEC3PARAM"
                | "OPENPGPKEY"
                | "RP"
                | "ZONEMD"
        ),
        _ => true,
    }
}

fn is_service(kind: &RecordType) -> bool {
    matches!(kind, RecordType::Https | RecordType::Svcb)
}

/// Whether a parameter has a number for a name, `key667=x` (RFC 9460 §2.1): `domain` reads none.
fn has_numbered_key(kind: &RecordType, tokens: &[Token<'_>]) -> bool {
    is_service(kind) && tokens.iter().skip(2).any(|token| token.text.starts_with(b"key"))
}

/// The strings joined; one that is longer than the 255 bytes of RFC 1035 §3.3 is what providers
/// take and split.
fn text(tokens: &[Token<'_>]) -> Result<String, String> {
    let mut joined = Vec::new();
    for token in tokens {
        token.write_bytes(&mut joined).ok_or("a broken escape in a string")?;
    }
    Ok(text_of_bytes(&joined))
}

/// RFC 1035 §3.3.13, with units in the times. The serial is kept as the file has it, also over 32
/// bits.
fn soa(tokens: &[Token<'_>], origin: &Origin) -> Result<String, String> {
    let [mname, rname, serial, times @ ..] = tokens else {
        return Err("an SOA record without a serial".into());
    };
    let serial = serial.word().and_then(|word| word.parse::<u64>().ok());
    let serial = serial.ok_or("the serial of an SOA record is no number")?;
    if times.len() != 4 {
        return Err(format!("an SOA record with {} times instead of 4", times.len()));
    }
    let mut content = format!("{} {} {serial}", origin.complete(mname)?, origin.complete(rname)?);
    for time in times {
        let seconds =
            time.word().and_then(ttl::seconds).ok_or("a time of an SOA record is none")?;
        content += &format!(" {seconds}");
    }
    Ok(content)
}

/// Which tokens of a type's data are names.
fn names_at(kind: &RecordType) -> &'static [usize] {
    match kind {
        RecordType::Alias
        | RecordType::Cname
        | RecordType::Dname
        | RecordType::Ns
        | RecordType::Ptr => &[0],
        RecordType::Mx => &[1],
        RecordType::Srv => &[3],
        _ => names_in(kind).map_or(&[], |(_, names)| names),
    }
}

fn raw(
    kind: &RecordType,
    tokens: &[Token<'_>],
    is_generic: bool,
    origin: &Origin,
) -> Result<String, String> {
    let names = names_at(kind);
    let mut content = String::new();
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 && !token.is_glued {
            content.push(' ');
        }
        if names.contains(&at) && !is_generic {
            content += &origin.complete(token)?;
        } else {
            token.write(&mut content);
        }
    }
    Ok(content)
}

fn parsed(kind: &RecordType, tokens: &[Token<'_>], origin: &Origin) -> Result<String, String> {
    let mut line = format!(". 0 IN {kind}");
    let names = names_at(kind);
    for (at, token) in tokens.iter().enumerate() {
        if !token.is_glued || !is_service(kind) {
            line.push(' ');
        }
        // `domain` reads it as the name `@`.
        if token.word() == Some("@") && names.contains(&at) {
            origin.write(&mut line)?;
        } else {
            token.write(&mut line);
        }
    }
    line.push('\n');
    let mut parser = Zonefile::from(line.as_str());
    if let Some(origin) = origin.wire() {
        parser.set_origin(origin.clone());
    }
    let refused = |reason: &dyn std::fmt::Display| {
        // The place that `domain` names is that in the line made for it.
        let reason = reason.to_string();
        let reason = reason.split_once(": ").map_or(&*reason, |(_, reason)| reason).to_owned();
        format!("not the data of a {kind} record: {reason}")
    };
    let record = match parser.next_entry() {
        Ok(Some(Entry::Record(record))) => record,
        Ok(_) => return Err(refused(&"no record")),
        Err(error) => return Err(refused(&error)),
    };
    let data: Data = match record.into_data() {
        // The form of RFC 3597 §5, for a type that is known.
        ZoneRecordData::Unknown(unknown) => {
            let octets: &[u8] = unknown.data().as_ref();
            let octets = Bytes::copy_from_slice(octets);
            let mut octets = Parser::from_ref(&octets);
            let parsed = ZoneRecordData::<Bytes, ParsedName<Bytes>>::parse_rdata(
                unknown.rtype(),
                &mut octets,
            );
            let parsed = parsed.map_err(|error| refused(&error))?;
            let data = parsed.ok_or_else(|| refused(&"an unknown type"))?;
            data.try_flatten_into().map_err(|_| refused(&"a name is too long"))?
        }
        data => data.try_flatten_into().map_err(|_| refused(&"a name is too long"))?,
    };
    if let ZoneRecordData::Txt(text) = &data {
        return Ok(text_of_bytes(&text.text::<Vec<u8>>()));
    }
    Ok(data.display_zonefile(DisplayKind::Simple).to_string())
}

//! The content of a record by its type.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::name::{name, unescape};
use super::{Excerpt, NormaliseError};
use crate::model::RecordType;

/// A record holds 65,535 bytes (RFC 1035 §3.2.1), each at most four characters.
const CONTENT_BYTES_MAX: usize = 4 * 65_535;

/// The form of the content and the priority of a record.
pub(super) fn normalise(
    kind: &RecordType,
    content: &str,
    priority: Option<u16>,
) -> Result<(String, Option<u16>), NormaliseError> {
    if content.len() > CONTENT_BYTES_MAX {
        return Err(NormaliseError::ContentTooLong { bytes: content.len() });
    }
    let content = &*match content.contains('\0') {
        true => Cow::Owned(content.replace('\0', "\\000")),
        false => Cow::Borrowed(content),
    };
    let reader = Reader { kind, content };
    let text = match kind {
        RecordType::A => reader.address::<Ipv4Addr>("an IPv4 address")?,
        RecordType::Aaaa => reader.address::<Ipv6Addr>("an IPv6 address")?,
        RecordType::Cname
        | RecordType::Ns
        | RecordType::Ptr
        | RecordType::Alias
        | RecordType::Dname => name(content.trim())?,
        RecordType::Mx => {
            return reader.with_priority(priority, "target", |_, [target]| name(target));
        }
        RecordType::Srv => {
            return reader.with_priority(priority, "weight port target", Reader::service);
        }
        RecordType::Caa => reader.caa()?,
        RecordType::Txt => content.to_owned(),
        other => match names_in(other) {
            Some((fields, names)) => reader.fields(fields, names)?,
            None => content.trim().to_owned(),
        },
    };
    Ok((text, priority))
}

/// How many fields the presentation form of a type begins with, and which of them are names.
pub(in crate::inventory) fn names_in(kind: &RecordType) -> Option<(usize, &'static [usize])> {
    Some(match kind {
        RecordType::Soa => (7, &[0, 1]),
        RecordType::Https | RecordType::Svcb => (2, &[1]),
        RecordType::Naptr => (6, &[5]),
        RecordType::Nsec => (1, &[0]),
        RecordType::Rrsig => (9, &[7]),
        RecordType::Other(other) => match &**other {
            "AFSDB" | "KX" | "RT" | "LP" => (2, &[1]),
            "RP" | "MINFO" | "TALINK" => (2, &[0, 1]),
            "PX" => (3, &[1, 2]),
            "MB" | "MG" | "MR" => (1, &[0]),
            _ => return None,
        },
        _ => return None,
    })
}

struct Reader<'c> {
    kind: &'c RecordType,
    content: &'c str,
}

impl<'c> Reader<'c> {
    fn refused(&self, form: &'static str) -> NormaliseError {
        let content = Excerpt::from(self.content);
        NormaliseError::BadContent { kind: self.kind.clone(), content, form }
    }

    fn address<A: FromStr + ToString>(&self, form: &'static str) -> Result<String, NormaliseError> {
        let address: A = self.content.trim().parse().map_err(|_| self.refused(form))?;
        Ok(address.to_string())
    }

    /// Reads `N` fields, before which the priority may stand.
    fn with_priority<const N: usize>(
        &self,
        priority: Option<u16>,
        form: &'static str,
        read: impl Fn(&Self, [&'c str; N]) -> Result<String, NormaliseError>,
    ) -> Result<(String, Option<u16>), NormaliseError> {
        let mut rest = self.content;
        let mut fields: Vec<&str> = Vec::with_capacity(N + 1);
        while let Some((field, after)) = cut_field(rest) {
            fields.push(field);
            rest = after;
        }
        if let Ok(fields) = <[&str; N]>::try_from(fields.as_slice()) {
            return Ok((read(self, fields)?, priority));
        }
        let (first, rest) = fields.split_first().ok_or_else(|| self.refused(form))?;
        let rest = <[&str; N]>::try_from(rest).map_err(|_| self.refused(form))?;
        let own: u16 = first.parse().map_err(|_| self.refused(form))?;
        match priority.filter(|priority| *priority != own) {
            Some(priority) => Err(NormaliseError::TwoPriorities {
                kind: self.kind.clone(),
                content: self.content.into(),
                priority,
            }),
            None => Ok((read(self, rest)?, Some(own))),
        }
    }

    fn service(&self, [weight, port, target]: [&str; 3]) -> Result<String, NormaliseError> {
        let number =
            |text: &str| text.parse::<u16>().map_err(|_| self.refused("weight port target"));
        Ok(format!("{} {} {}", number(weight)?, number(port)?, name(target)?))
    }

    /// `flags tag "value"` (RFC 8659 §4.1.1); the quotes may be missing.
    fn caa(&self) -> Result<String, NormaliseError> {
        let refused = || self.refused("flags tag \"value\"");
        let (flags, rest) = cut_field(self.content).ok_or_else(refused)?;
        let (tag, value) = cut_field(rest).ok_or_else(refused)?;
        let flags: u8 = flags.parse().map_err(|_| refused())?;
        if tag.is_empty() || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(refused());
        }
        let value = match value.trim() {
            "" => return Err(refused()),
            quoted if quoted.starts_with('"') => bytes_of_strings(quoted).ok_or_else(refused)?,
            spaced if spaced.contains(char::is_whitespace) => return Err(refused()),
            bare => bare.as_bytes().to_vec(),
        };
        let mut quoted = Vec::with_capacity(value.len());
        for byte in value {
            match byte {
                b'"' | b'\\' => quoted.extend([b'\\', byte]),
                _ => quoted.push(byte),
            }
        }
        let quoted = text_of_bytes(&quoted);
        Ok(format!("{flags} {} \"{quoted}\"", tag.to_ascii_lowercase()))
    }

    /// Puts the names among the first fields into their form; what has fewer fields is kept.
    fn fields(&self, count: usize, names: &[usize]) -> Result<String, NormaliseError> {
        let whole = self.content.trim();
        if whole.starts_with("\\#") {
            return Ok(whole.to_owned());
        }
        let (mut fields, mut rest) = (Vec::new(), self.content);
        while fields.len() < count
            && let Some((field, after)) = cut_field(rest)
        {
            fields.push(Cow::Borrowed(field));
            rest = after;
        }
        if fields.len() < count {
            return Ok(whole.to_owned());
        }
        for at in names {
            fields[*at] = Cow::Owned(name(&fields[*at])?);
        }
        let rest = rest.trim();
        if !rest.is_empty() {
            fields.push(Cow::Borrowed(rest));
        }
        Ok(fields.join(" "))
    }
}

/// Cuts the first field off at a space that is neither escaped nor in quotes with which the field
/// begins; None: there is none.
fn cut_field(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' if at == 0 || is_quoted => is_quoted = !is_quoted,
            _ if byte.is_ascii_whitespace() && !is_quoted => return Some(text.split_at(at)),
            _ => {}
        }
    }
    (!text.is_empty()).then_some((text, ""))
}

/// Joins the quoted strings of a TXT record, `"a" "b"`, without spaces (RFC 7208 §3.3). None: the
/// text is not quoted strings alone. Bytes that are no UTF-8 stand as `\DDD`.
pub fn text_of_strings(text: &str) -> Option<String> {
    bytes_of_strings(text).map(|joined| text_of_bytes(&joined))
}

fn bytes_of_strings(text: &str) -> Option<Vec<u8>> {
    let mut joined = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().trim_ascii();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        rest = rest.strip_prefix(b"\"")?;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            match byte {
                b'"' => break,
                b'\\' => {
                    let (byte, used) = unescape(after)?;
                    joined.push(byte);
                    rest = &after[used..];
                }
                _ => joined.push(byte),
            }
        }
        rest = rest.trim_ascii_start();
    }
    Some(joined)
}

/// The bytes as text: what is no UTF-8, and NUL, as `\DDD`.
pub(in crate::inventory) fn text_of_bytes(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\0', "\\000"));
        for byte in chunk.invalid() {
            write!(text, "\\{byte:03}").expect("a String takes everything");
        }
    }
    text
}

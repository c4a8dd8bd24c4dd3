//! From a record as a source writes it to the one form of [`Record`] that checks compare.

mod content;
mod name;

use std::fmt;

use crate::model::{Record, RecordType};

pub use content::text_of_strings;
pub(in crate::inventory) use content::{names_in, text_of_bytes};
pub use name::name;
pub(in crate::inventory) use name::unescape;

/// The greatest TTL (RFC 2181 §8).
const TTL_SECONDS_MAX: u32 = i32::MAX as u32;

/// A record as a source writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Complete, not relative to a zone.
    pub name: &'a str,
    /// The type's name in any case, or `TYPE123` (RFC 3597 §5).
    pub kind: &'a str,
    /// Of TXT the strings joined, without quotes ([`text_of_strings`] does that); of any other
    /// type its presentation form. MX and SRV may begin with the priority.
    pub content: &'a str,
    pub priority: Option<u16>,
    /// Seconds.
    pub ttl: Option<u32>,
    pub proxied: Option<bool>,
    pub private_routing: bool,
}

/// Why a record is not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    #[error("an empty name")]
    EmptyName,
    #[error("an empty label in {0}")]
    EmptyLabel(Excerpt),
    #[error("the label {label} has {bytes} bytes, a label at most 63")]
    LabelTooLong { label: Excerpt, bytes: usize },
    #[error("the name {name} of {bytes} characters is longer than 255 bytes")]
    NameTooLong { name: Excerpt, bytes: usize },
    #[error("a broken escape in {0}: after a backslash stands one character, or 000 to 255")]
    BadEscape(Excerpt),
    #[error("{0} is no label by IDNA")]
    NotIdna(Excerpt),
    #[error("{0} is no record type")]
    BadType(Excerpt),
    #[error("the content {content} of a {kind} record is not `{form}`")]
    BadContent { kind: RecordType, content: Excerpt, form: &'static str },
    #[error("the content {content} of a {kind} record has another priority than {priority}")]
    TwoPriorities { kind: RecordType, content: Excerpt, priority: u16 },
    #[error("content of {bytes} bytes is more than a record holds")]
    ContentTooLong { bytes: usize },
    #[error("a TTL of {0} s is over 2147483647 s")]
    TtlTooLong(u32),
}

/// The beginning of a text from outside, quoted and escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    const CHARACTERS_MAX: usize = 80;
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Excerpt {
        let end = text.char_indices().nth(Excerpt::CHARACTERS_MAX);
        Excerpt(match end {
            Some((end, _)) => format!("{:?}...", &text[..end]),
            None => format!("{text:?}"),
        })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Brings a record into the form that [`Record`] promises. It is its own form: normalising it
/// again changes nothing.
///
/// A byte that text in Postgres cannot hold, NUL, stands as `\000`. The content of a type that
/// nobody here knows is kept as it is.
///
/// # Errors
/// Names that DNS cannot hold, and content that is none for its type: no record set with such a
/// record can be judged.
pub fn record(raw: RawRecord<'_>) -> Result<Record, NormaliseError> {
    let kind = record_type(raw.kind)?;
    if let Some(ttl) = raw.ttl.filter(|ttl| *ttl > TTL_SECONDS_MAX) {
        return Err(NormaliseError::TtlTooLong(ttl));
    }
    let (content, priority) = content::normalise(&kind, raw.content, raw.priority)?;
    Ok(Record {
        name: name(raw.name)?,
        kind,
        content,
        priority,
        ttl: raw.ttl,
        proxied: raw.proxied,
        private_routing: raw.private_routing,
    })
}

/// `TYPE16` is TXT.
pub(in crate::inventory) fn record_type(text: &str) -> Result<RecordType, NormaliseError> {
    use domain::base::iana::Rtype;
    let is_name = (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_name {
        return Err(NormaliseError::BadType(text.into()));
    }
    let number = text.get(..4).filter(|start| start.eq_ignore_ascii_case("TYPE"));
    Ok(match number.and_then(|_| text[4..].parse().ok()) {
        Some(number) => RecordType::from_name(&Rtype::from_int(number).to_string()),
        None => RecordType::from_name(text),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw<'a>(kind: &'a str, content: &'a str) -> RawRecord<'a> {
        RawRecord {
            name: "A.test.",
            kind,
            content,
            priority: None,
            ttl: Some(300),
            proxied: None,
            private_routing: false,
        }
    }

    fn normal(kind: &str, content: &str) -> (String, Option<u16>, String) {
        let got = record(raw(kind, content)).unwrap();
        (got.kind.name().to_owned(), got.priority, got.content)
    }

    #[test]
    fn content_takes_the_form_of_its_type() {
        for (kind, content, expected) in [
            ("a", " 192.0.2.1 ", ("A", None, "192.0.2.1")),
            ("AAAA", "2001:0DB8:0::0001", ("AAAA", None, "2001:db8::1")),
            ("cname", "Host.Example.", ("CNAME", None, "host.example")),
            ("CNAME", ".", ("CNAME", None, ".")),
            ("MX", "Mail.Example.", ("MX", None, "mail.example")),
            ("MX", "10 Mail.Example.", ("MX", Some(10), "mail.example")),
            ("MX", "0 .", ("MX", Some(0), ".")),
            ("MX", "ms\\032=\\0321637.", ("MX", None, "ms\\032=\\0321637")),
            ("SRV", "5\t8080\tSip.Example.", ("SRV", None, "5 8080 sip.example")),
            ("SRV", "1 0 443 a.test\\@", ("SRV", Some(1), "0 443 a.test@")),
            ("CAA", "0 ISSUE letsencrypt.org", ("CAA", None, "0 issue \"letsencrypt.org\"")),
            ("CAA", "128 issue \";\"", ("CAA", None, "128 issue \";\"")),
            ("TYPE16", "a \"b\"\0", ("TXT", None, "a \"b\"\\000")),
            (
                "HTTPS",
                "1 Svc.Example. alpn=\"h2, h3\"",
                ("HTTPS", None, "1 svc.example alpn=\"h2, h3\""),
            ),
            (
                "NAPTR",
                "1 2 \"u\" \"a b\" \"\" X.test.",
                ("NAPTR", None, "1 2 \"u\" \"a b\" \"\" x.test"),
            ),
            (
                "SOA",
                "NS.test. A\\.b.test.  1 2 3 4 5",
                ("SOA", None, "ns.test a\\.b.test 1 2 3 4 5"),
            ),
            ("URL", " Https://X.test/ ", ("URL", None, "Https://X.test/")),
            ("TYPE65400", "\\# 1 ff", ("TYPE65400", None, "\\# 1 ff")),
        ] {
            let got = normal(kind, content);
            let (kind, priority, content) = (got.0.as_str(), got.1, got.2.as_str());
            assert_eq!((kind, priority, content), expected);
            assert_eq!(normal(kind, content).2, content, "the form is its own form");
        }
    }

    #[test]
    fn content_that_no_provider_takes_is_refused() {
        let long = "x".repeat(300_000);
        for (kind, content, reason) in [
            ("A", "2001:db8::1", "is not `an IPv4 address`"),
            ("A", "host.example", "the content \"host.example\" of a A record"),
            ("AAAA", "192.0.2.1", "is not `an IPv6 address`"),
            ("CNAME", "", "an empty name"),
            ("MX", "", "is not `target`"),
            ("MX", "70000 a.test", "is not `target`"),
            ("SRV", "10,10,5060,host", "is not `weight port target`"),
            ("CAA", "0 issue", "is not `flags tag"),
            ("CAA", "0 issue \"x\" y", "is not `flags tag"),
            ("", "x", "is no record type"),
            ("TXT", &long, "more than a record holds"),
        ] {
            let error = record(raw(kind, content)).unwrap_err().to_string();
            assert!(error.contains(reason), "{kind} {error}");
        }
        let two = RawRecord { priority: Some(20), ..raw("MX", "10 a.test") };
        assert!(record(two).unwrap_err().to_string().contains("another priority than 20"));
        let late = RawRecord { ttl: Some(1 << 31), ..raw("A", "192.0.2.1") };
        assert_eq!(record(late), Err(NormaliseError::TtlTooLong(1 << 31)));
    }

    #[test]
    fn strings_join_without_spaces_and_say_what_is_no_text() {
        assert_eq!(text_of_strings(r#""v=spf1 " "-all""#).as_deref(), Some("v=spf1 -all"));
        assert_eq!(text_of_strings(r#""a\"b\\c\;""#).as_deref(), Some(r#"a"b\c;"#));
        assert_eq!(text_of_strings(r#""\195\177\255\000""#).as_deref(), Some("ñ\\255\\000"));
        for other in ["", "a", "\"a", "\"a\" b", "\"a\\25\""] {
            assert_eq!(text_of_strings(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_record_is_refused_or_has_one_form(
            kind in "A|AAAA|CNAME|MX|SRV|CAA|TXT|SOA|HTTPS|NAPTR|RRSIG|LOC|TYPE[0-9]{1,6}|.{0,5}",
            content in "([0-9]{1,5} ){0,3}.{0,60}",
        ) {
            if let Ok(first) = record(raw(&kind, &content)) {
                let again = RawRecord {
                    name: &first.name,
                    kind: first.kind.name(),
                    content: &first.content,
                    priority: first.priority,
                    ..raw("", "")
                };
                prop_assert_eq!(record(again).unwrap(), first);
            }
        }
    }
}

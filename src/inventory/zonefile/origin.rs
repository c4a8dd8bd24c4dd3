//! The name that relative names of a zone file end with.

use std::str::FromStr;

use bytes::Bytes;
use domain::base::Name;

use super::lexer::Token;
use crate::inventory::normalise;

/// An origin, or that there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Normalised.
    name: Option<String>,
    wire: Option<Name<Bytes>>,
}

impl Origin {
    /// From a normalised name.
    pub(super) fn new(name: String) -> Origin {
        let wire = Name::<Bytes>::from_str(&name).ok();
        Origin { name: Some(name), wire }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn wire(&self) -> Option<&Name<Bytes>> {
        self.wire.as_ref()
    }

    fn known(&self) -> Result<&str, &'static str> {
        self.name().ok_or("a relative name, and no `$ORIGIN` says what it is below")
    }

    /// Writes the origin as it would stand in a file, with its final dot.
    pub(super) fn write(&self, into: &mut String) -> Result<(), &'static str> {
        let name = self.known()?;
        for c in if name == "." { "" } else { name }.chars() {
            if "\"();@$".contains(c) {
                into.push('\\');
            }
            into.push(c);
        }
        into.push('.');
        Ok(())
    }

    /// A name of a file as a normalised one: `@` is the origin, and what does not end with a dot is
    /// relative to it.
    pub(super) fn complete(&self, token: &Token<'_>) -> Result<String, String> {
        if token.text == b"@" && !token.is_quoted {
            return Ok(self.known()?.to_owned());
        }
        let mut text = String::with_capacity(token.text.len() + 32);
        token.write_ascii(&mut text);
        if !ends_with_dot(&text) {
            match self.known()? {
                "." => {}
                origin => {
                    text.push('.');
                    text += origin;
                }
            }
        }
        normalise::name(&text).map_err(|error| error.to_string())
    }
}

/// Whether the last dot is one that separates labels.
fn ends_with_dot(text: &str) -> bool {
    text.strip_suffix('.').is_some_and(|text| {
        text.bytes().rev().take_while(|byte| *byte == b'\\').count().is_multiple_of(2)
    })
}

/// The origin that the name of a zone file stands for: `example.org.zone`, `db.example.org`,
/// `example.org.txt` and `example.org` are all `example.org`. None: no name can be read from it.
///
/// `_` and `-` stand for themselves; what BIND's tools write for the slash of RFC 2317 is not read.
pub fn origin_of_file_name(file_name: &str) -> Option<String> {
    const ENDS: [&str; 9] =
        [".zone", ".zonefile", ".db", ".txt", ".bind", ".dns", ".hosts", ".signed", ".conf"];
    let mut name = file_name.trim_end_matches('.');
    for start in ["db.", "zone.", "pri.", "named."] {
        if let Some(rest) = strip_prefix_any_case(name, start).filter(|rest| !rest.is_empty()) {
            name = rest;
            break;
        }
    }
    // `example.org.zone.signed`
    for _ in 0..2 {
        let end = ENDS.iter().find(|end| {
            let at = name.len().saturating_sub(end.len());
            at > 0 && name.get(at..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        });
        match end {
            Some(end) => name = &name[..name.len() - end.len()],
            None => break,
        }
    }
    normalise::name(name).ok()
}

fn strip_prefix_any_case<'n>(name: &'n str, start: &str) -> Option<&'n str> {
    let (head, rest) = name.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_says_the_zone() {
        for (file, expected) in [
            ("example.org.zone", Some("example.org")),
            ("db.example.org", Some("example.org")),
            ("Example.ORG.txt", Some("example.org")),
            ("example.org", Some("example.org")),
            ("example.org.zone.signed", Some("example.org")),
            ("126.169.18.in-addr.arpa.db", Some("126.169.18.in-addr.arpa")),
            ("gov.txt", Some("gov")),
            ("ariño.es.zone", Some("xn--ario-iqa.es")),
            ("db.zone", Some("zone")),
            (".zone", None),
            ("", None),
            ("a..b.zone", None),
        ] {
            assert_eq!(origin_of_file_name(file).as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn relative_names_end_with_the_origin() {
        let origin = Origin::new("example.org".into());
        let complete =
            |origin: &Origin, text: &str| origin.complete(&Token::unquoted(text.as_bytes()));
        assert_eq!(complete(&origin, "@").unwrap(), "example.org");
        assert_eq!(complete(&origin, "WWW").unwrap(), "www.example.org");
        assert_eq!(complete(&origin, "a.test.").unwrap(), "a.test");
        assert_eq!(complete(&origin, "a\\.").unwrap(), "a\\..example.org");
        assert_eq!(complete(&origin, "a\\\\.").unwrap(), "a\\\\");
        assert_eq!(complete(&Origin::new(".".into()), "a").unwrap(), "a");
        assert!(complete(&Origin::default(), "a").unwrap_err().contains("no `$ORIGIN`"));
        assert_eq!(complete(&Origin::default(), "a.").unwrap(), "a");
    }
}

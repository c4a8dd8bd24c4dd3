//! Domain names in the one form that records are compared in.

use std::fmt::Write;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::NormaliseError;

/// Bytes on the wire, with the length before each label and the root (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;

/// Brings a name into lower case, without the final dot, as A-labels (RFC 5891); the root is `.`.
///
/// Any byte may stand in a label (RFC 2181 §11): `_`, `*` and the rest of visible ASCII as they
/// are, a dot or backslash inside of a label as `\.` and `\\`, every other byte as `\DDD` (RFC 1035
/// §5.1). The same escapes are read.
///
/// # Errors
/// A name or label that is empty or too long for DNS, a broken escape, and a label beyond ASCII
/// that IDNA does not allow.
pub fn name(text: &str) -> Result<String, NormaliseError> {
    if text == "." {
        return Ok(text.to_owned());
    }
    if text.is_empty() {
        return Err(NormaliseError::EmptyName);
    }
    let mut form = Form { text, written: String::with_capacity(text.len()), wire_bytes: 1 };
    let mut rest = text;
    while !rest.is_empty() {
        let (label, after) = cut_label(rest);
        form.push(label)?;
        rest = after;
    }
    Ok(form.written)
}

/// Cuts the first label off at an unescaped dot, also one of those that IDNA reads as a dot (RFC
/// 3490 §3.1).
fn cut_label(text: &str) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => {
                return (&text[..at], &text[at + c.len_utf8()..]);
            }
            _ => {}
        }
    }
    (text, "")
}

struct Form<'t> {
    text: &'t str,
    written: String,
    wire_bytes: usize,
}

impl Form<'_> {
    fn push(&mut self, label: &str) -> Result<(), NormaliseError> {
        if !self.written.is_empty() {
            self.written.push('.');
        }
        let bytes = if label.is_ascii() {
            self.push_ascii(label)?
        } else {
            let ascii = to_a_label(label)?;
            self.push_ascii(&ascii)?
        };
        self.wire_bytes += 1 + bytes;
        match bytes {
            0 => Err(NormaliseError::EmptyLabel(self.text.into())),
            _ if bytes > LABEL_BYTES_MAX => {
                Err(NormaliseError::LabelTooLong { label: label.into(), bytes })
            }
            _ if self.wire_bytes > NAME_BYTES_MAX => {
                Err(NormaliseError::NameTooLong { name: self.text.into(), bytes: self.text.len() })
            }
            _ => Ok(()),
        }
    }

    /// Writes a label and says how many bytes it has on the wire.
    fn push_ascii(&mut self, label: &str) -> Result<usize, NormaliseError> {
        let mut bytes = 0;
        let mut rest = label.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            let byte = if first == b'\\' {
                let (byte, used) =
                    unescape(after).ok_or_else(|| NormaliseError::BadEscape(self.text.into()))?;
                rest = &after[used..];
                byte
            } else {
                first
            };
            bytes += 1;
            match byte {
                b'.' | b'\\' => self.written.extend(['\\', char::from(byte)]),
                b'!'..=b'~' => self.written.push(char::from(byte.to_ascii_lowercase())),
                _ => {
                    write!(self.written, "\\{byte:03}").expect("a String takes everything");
                }
            }
        }
        Ok(bytes)
    }
}

/// The byte that stands after a backslash, and how many characters say so.
pub(in crate::inventory) fn unescape(after: &[u8]) -> Option<(u8, usize)> {
    match after {
        [b'0'..=b'9', ..] => {
            let digits = after.get(..3)?;
            let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
            let value = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
            Some((u8::try_from(value).ok()?, 3))
        }
        [byte, ..] => Some((*byte, 1)),
        [] => None,
    }
}

fn to_a_label(label: &str) -> Result<String, NormaliseError> {
    let refused = || NormaliseError::NotIdna(label.into());
    if label.contains('\\') {
        return Err(refused());
    }
    let ascii = Uts46::new()
        .to_ascii(label.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| refused())?;
    // What maps to more than one label, or to an escape, is a trick and no name.
    if ascii.contains(['.', '\\']) { Err(refused()) } else { Ok(ascii.into_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_lower_case_a_labels_without_the_final_dot() {
        for (text, expected) in [
            ("WWW.Example.COM.", "www.example.com"),
            ("_dmarc.example.com", "_dmarc.example.com"),
            ("*.example.com", "*.example.com"),
            ("#civilmediation.justice.gov.uk", "#civilmediation.justice.gov.uk"),
            ("_autodiscover._tcp.ariño.es", "_autodiscover._tcp.xn--ario-iqa.es"),
            ("ARIÑO.es", "xn--ario-iqa.es"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("_x.קום", "_x.xn--9dbq2a"),
            ("xn--not-valid-punycode-.test", "xn--not-valid-punycode-.test"),
            ("a\\.b.test", "a\\.b.test"),
            ("\\065\\@b.test", "a@b.test"),
            ("a b.te\\000st", "a\\032b.te\\000st"),
            ("\\195\\177.test", "\\195\\177.test"),
            (".", "."),
        ] {
            let got = name(text).unwrap();
            assert_eq!(got, expected, "{text:?}");
            assert_eq!(name(&got).unwrap(), got, "the form is its own form");
        }
    }

    #[test]
    fn what_dns_cannot_hold_is_refused_with_the_reason() {
        let label = |bytes| "a".repeat(bytes);
        let long = format!("{0}.{0}.{0}.{1}", label(63), label(61));
        assert!(name(&long).is_ok(), "255 bytes with the lengths and the root");
        for (text, reason) in [
            (String::new(), "an empty name"),
            ("a..test".into(), "an empty label in \"a..test\""),
            (".test".into(), "an empty label in \".test\""),
            ("a.test..".into(), "an empty label in \"a.test..\""),
            (label(64), "has 64 bytes, a label at most 63"),
            (format!("{0}.{0}.{0}.{1}", label(63), label(62)), "is longer than 255 bytes"),
            ("a\\".into(), "a broken escape in \"a\\\\\""),
            ("a\\25.test".into(), "a broken escape in"),
            ("a\\256.test".into(), "a broken escape in"),
            ("a\\.ñ.test".into(), "is no label by IDNA"),
            ("a\u{2024}ñ.test".into(), "is no label by IDNA"),
        ] {
            let error = name(&text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_has_one_form(text in ".{0,80}") {
            if let Ok(form) = name(&text) {
                prop_assert_eq!(name(&form).unwrap(), form);
            }
        }
    }
}

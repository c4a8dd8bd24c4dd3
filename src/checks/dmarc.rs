//! DMARC policy records, as far as checks read them (RFC 9989 §4.7, §4.8).

/// What receivers are asked to do with mail that fails; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Handling {
    None,
    Quarantine,
    Reject,
}

impl Handling {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Handling::None => "none",
            Handling::Quarantine => "quarantine",
            Handling::Reject => "reject",
        }
    }

    fn from_name(name: &str) -> Option<Handling> {
        let all = [Handling::None, Handling::Quarantine, Handling::Reject];
        all.into_iter().find(|handling| name.eq_ignore_ascii_case(handling.name()))
    }

    /// What a domain in test mode (`t=y`) asks for instead.
    const fn in_test(self) -> Handling {
        match self {
            Handling::None | Handling::Quarantine => Handling::None,
            Handling::Reject => Handling::Quarantine,
        }
    }
}

/// What a record asks for in effect: defaults filled in, and lowered by its test mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    /// Of the domain itself.
    pub(super) domain: Handling,
    /// Of its subdomains that exist.
    pub(super) subdomains: Handling,
    /// Of those that do not.
    pub(super) nonexistent: Handling,
}

impl Policy {
    /// Reads the tags of a record; what is absent or has no known value gets its default, `none`
    /// for `p`.
    pub(super) fn of(record: &str) -> Policy {
        let handling = |name| tag(record, name).and_then(Handling::from_name);
        let p = handling("p").unwrap_or(Handling::None);
        let sp = handling("sp").unwrap_or(p);
        let np = handling("np").unwrap_or(sp);
        let is_test = tag(record, "t").is_some_and(|value| value.eq_ignore_ascii_case("y"));
        let effective = |handling: Handling| if is_test { handling.in_test() } else { handling };
        Policy { domain: effective(p), subdomains: effective(sp), nonexistent: effective(np) }
    }
}

/// The DMARC record among the texts of one name. Several different ones count as none (§4.10).
pub(super) fn dmarc_record<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<&'t str> {
    let mut records = texts.into_iter().filter(|text| is_dmarc(text));
    let first = records.next()?;
    records.all(|other| other == first).then_some(first)
}

/// Whether a text is a DMARC record: `v=DMARC1` is its first tag, in exactly this case; blanks may
/// stand around the equals sign and at the end of the tag (§4.8).
fn is_dmarc(text: &str) -> bool {
    let version = text.split(';').next().and_then(|tag| tag.split_once('='));
    version.is_some_and(|(name, value)| {
        name.trim_end_matches(BLANKS).eq_ignore_ascii_case("v")
            && value.trim_matches(BLANKS) == "DMARC1"
    })
}

/// The value of the first tag of this name.
fn tag<'t>(record: &'t str, name: &str) -> Option<&'t str> {
    let tags = record.split(';').filter_map(|tag| tag.split_once('='));
    let mut named = tags.filter(|(own, _)| own.trim_matches(BLANKS).eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim_matches(BLANKS))
}

/// WSP of RFC 5234.
const BLANKS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_first_and_exactly() {
        for text in ["v=DMARC1", "v=DMARC1;p=none", "V = DMARC1 ; p=none", "v=DMARC1;"] {
            assert!(is_dmarc(text), "{text}");
        }
        for text in [
            "",
            "v=dmarc1; p=none",
            " v=DMARC1",
            "p=none; v=DMARC1",
            "v=DMARC1 p=none",
            "v=DMARC12",
            "v=spf1 -all",
            "DMARC1",
        ] {
            assert!(!is_dmarc(text), "{text}");
        }
    }

    #[test]
    fn several_different_records_are_none() {
        assert_eq!(dmarc_record(["x", "v=DMARC1; p=none"]), Some("v=DMARC1; p=none"));
        assert_eq!(dmarc_record(["v=DMARC1", "v=DMARC1"]), Some("v=DMARC1"));
        assert_eq!(dmarc_record(["v=DMARC1", "v=DMARC1;"]), None);
        assert_eq!(dmarc_record(["v=spf1"]), None);
    }

    #[test]
    fn defaults_and_test_mode_apply() {
        use Handling::{None, Quarantine, Reject};
        for (tags, expected) in [
            ("", [None, None, None]),
            ("p=reject", [Reject, Reject, Reject]),
            ("P = Quarantine ;sp=none", [Quarantine, None, None]),
            ("p=reject; np=quarantine", [Reject, Reject, Quarantine]),
            ("p=bogus; sp=reject", [None, Reject, Reject]),
            ("p=reject; t=y; sp=quarantine", [Quarantine, None, None]),
            ("p=none; p=reject; t=n", [None, None, None]),
        ] {
            let policy = Policy::of(&format!("v=DMARC1; {tags}"));
            let Policy { domain, subdomains, nonexistent } = policy;
            assert_eq!([domain, subdomains, nonexistent], expected, "{tags}");
        }
    }
}

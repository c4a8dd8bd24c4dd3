//! TXT records of a name, with aliases followed inside the fleet; and their form as evidence.

use std::borrow::Cow;

use crate::model::{RecordType, ZoneSnapshot};

/// Longer chains are not followed by resolvers either.
const ALIASES_MAX: usize = 8;

/// Enough to know a record by.
const EXCERPT_CHARS_MAX: usize = 300;

/// The texts at a name. A CNAME is followed when the name holds no TXT of its own. Names that
/// `zone` has no answer for are asked for; None: the chain leaves the fleet, or is too long.
pub(super) fn texts<'z>(
    zone: &'z ZoneSnapshot,
    name: &str,
    ask: &mut dyn FnMut(&str),
) -> Option<Vec<&'z str>> {
    let mut name = name;
    for _ in 0..=ALIASES_MAX {
        let Some(records) = zone.fleet_at(name) else {
            ask(name);
            return None;
        };
        let of = |kind| records.iter().filter(move |record| record.kind == kind);
        let texts: Vec<&str> = of(RecordType::Txt).map(|txt| txt.content.as_str()).collect();
        if !texts.is_empty() {
            return Some(texts);
        }
        match of(RecordType::Cname).next() {
            Some(alias) => name = &alias.content,
            None => return Some(Vec::new()),
        }
    }
    None
}

/// A text as evidence shows it: a long one is cut and ends with `…`.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_text_is_cut() {
        let long = "é".repeat(EXCERPT_CHARS_MAX + 1);
        assert_eq!(excerpt(&long).chars().count(), EXCERPT_CHARS_MAX + 1);
        assert!(excerpt(&long).ends_with("é…"));
        assert_eq!(excerpt(&long[2..]), long[2..]);
    }
}

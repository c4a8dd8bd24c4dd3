//! TXT records of a name, with aliases followed inside the fleet.

use crate::model::{RecordType, ZoneSnapshot};

/// Longer chains are not followed by resolvers either.
const ALIASES_MAX: usize = 8;

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

//! A part of a zone that is judged by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Records;

/// Owner names after one and up to another, in the order of their bytes. All of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRange {
    /// None: from the first.
    pub after: Option<String>,
    /// None: to the last.
    pub until: Option<String>,
}

impl OwnerRange {
    /// The ranges that end with each of these owner names, ascending, and the one behind them.
    pub fn cut_behind(ends: &[String]) -> Vec<OwnerRange> {
        let afters = std::iter::once(None).chain(ends.iter().cloned().map(Some));
        let untils = ends.iter().cloned().map(Some).chain([None]);
        afters.zip(untils).map(|(after, until)| OwnerRange { after, until }).collect()
    }

    pub fn contains(&self, name: &str) -> bool {
        self.after.as_deref().is_none_or(|after| after < name)
            && self.until.as_deref().is_none_or(|until| name <= until)
    }
}

/// What a snapshot that holds a shard of its zone knows of the rest: what checks asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    /// Of these owners the snapshot holds all records, and of no others.
    pub owners: OwnerRange,
    /// The records of other owners of the zone; empty where there are none.
    pub elsewhere: BTreeMap<String, Records>,
    pub below: BTreeMap<String, NamesBelow>,
}

/// Owner names of a zone below a name, but for the wildcard right below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesBelow {
    pub count: usize,
    /// The first [`NamesBelow::FIRST_MAX`], in order.
    pub first: Vec<String>,
}

impl NamesBelow {
    pub const FIRST_MAX: usize = 5;

    /// Counts an owner name below each parent of the map that it is below. Each comes once, in
    /// ascending order.
    pub fn count(below: &mut BTreeMap<String, NamesBelow>, owner: &str) {
        for parent in super::ancestors(owner).skip(1) {
            if owner.strip_prefix("*.") == Some(parent) {
                continue;
            }
            if let Some(below) = below.get_mut(parent) {
                below.count += 1;
                if below.first.len() < NamesBelow::FIRST_MAX {
                    below.first.push(owner.to_owned());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_in_one_range() {
        let ends = ["b.test".to_owned(), "m.test".to_owned()];
        let ranges = OwnerRange::cut_behind(&ends);
        for (name, range) in [("a.test", 0), ("b.test", 0), ("b.test.", 1), ("m.test", 1), ("z", 2)]
        {
            let holders: Vec<usize> = (0..3).filter(|n| ranges[*n].contains(name)).collect();
            assert_eq!(holders, [range], "{name}");
        }
        assert_eq!(OwnerRange::cut_behind(&[]), [OwnerRange::default()]);
    }

    #[test]
    fn names_below_are_counted_at_any_depth_but_not_the_wildcard_itself() {
        let mut below = BTreeMap::from([("a.test".to_owned(), NamesBelow::default())]);
        let owners = ["*.a.test", "a.test", "b.test", "c.a.test", "d.c.a.test"];
        owners.iter().for_each(|owner| NamesBelow::count(&mut below, owner));
        let first = vec!["c.a.test".to_owned(), "d.c.a.test".to_owned()];
        assert_eq!(below["a.test"], NamesBelow { count: 2, first });
    }
}

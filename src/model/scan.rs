//! The message that asks for a scan.

use serde::{Deserialize, Serialize};

use super::{AssetId, CheckId, Cost, Lane, Measured, Spent, UnixTime};

/// Counts the scans of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScanSequence(pub u64);

/// Asks for one evaluation of some checks on one asset.
///
/// What is decided once is decided by the publisher and carried in here: nobody downstream chooses
/// a lane or predicts a cost again, so that a replay takes the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanEvent {
    pub asset: AssetId,
    pub sequence: ScanSequence,
    pub checks: Asked,
    pub reason: Reason,
    /// When it was emitted: the stamp that the next due time counts from.
    pub scheduled_at: UnixTime,
    pub cost: Cost,
    pub lane: Lane,
}

impl ScanEvent {
    /// What is to be remembered of the scan, which is over but for its write.
    pub fn measured(&self, spent: Spent) -> Option<Measured> {
        let cost = self.cost.before_write(spent);
        cost.is_known().then_some(Measured { cost, lane: self.lane })
    }
}

/// The checks that a scan is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    All,
    Only(Vec<CheckId>),
}

impl Asked {
    pub fn contains(&self, check: &CheckId) -> bool {
        match self {
            Asked::All => true,
            Asked::Only(checks) => checks.contains(check),
        }
    }

    /// Whether who is asked for these is asked for the others as well.
    pub fn covers(&self, others: &Asked) -> bool {
        match others {
            Asked::All => *self == Asked::All,
            Asked::Only(checks) => checks.iter().all(|check| self.contains(check)),
        }
    }

    /// Asks for the others too.
    pub fn extend(&mut self, others: Asked) {
        match (&mut *self, others) {
            (Asked::All, _) => {}
            (_, Asked::All) => *self = Asked::All,
            (Asked::Only(checks), Asked::Only(others)) => {
                for check in others {
                    if !checks.contains(&check) {
                        checks.push(check);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    Scheduled,
    Requested,
    Changed,
    Replayed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_covers_some_and_some_do_not_cover_all() {
        let only = |checks: &[&'static str]| {
            Asked::Only(checks.iter().map(|check| CheckId::new(check)).collect())
        };
        assert!(Asked::All.covers(&only(&["a"])) && Asked::All.covers(&Asked::All));
        assert!(only(&["a", "b"]).covers(&only(&["b"])));
        assert!(!only(&["a"]).covers(&only(&["a", "b"])) && !only(&["a"]).covers(&Asked::All));
        let mut asked = only(&["a"]);
        asked.extend(only(&["b", "a"]));
        assert_eq!(asked, only(&["a", "b"]));
        asked.extend(Asked::All);
        asked.extend(only(&["a"]));
        assert_eq!(asked, Asked::All);
    }
}

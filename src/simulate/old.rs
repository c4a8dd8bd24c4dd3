//! The scheduler of the story: each minute it takes the accounts that are due, and all zones of each.
//! Nothing holds it back, so counts by minute are all that there is to it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fleet::Fleet;

#[derive(Debug)]
pub(super) struct Old {
    plans: Vec<Plan>,
    newcomers: u64,
    pub(super) late: u64,
    pub(super) oldest_over_cadence: f64,
}

/// Times are minutes.
#[derive(Debug)]
struct Plan {
    cadence: i64,
    /// That of stamps before `changed_at`.
    before: i64,
    changed_at: i64,
    /// Assets by the minute of their last scan.
    stamps: BTreeMap<i64, u64>,
}

impl Old {
    pub(super) fn new(fleet: &Fleet) -> Old {
        let plan = |plan: &super::fleet::Plan| {
            let cadence = minutes(plan.cadence);
            Plan { cadence, before: cadence, changed_at: 0, stamps: BTreeMap::new() }
        };
        let plans = fleet.plans.iter().map(plan).collect();
        Old { plans, newcomers: 0, late: 0, oldest_over_cadence: 0.0 }
    }

    pub(super) fn add(&mut self, plan: usize, minute: i64, assets: u64) {
        *self.plans[plan].stamps.entry(minute).or_default() += assets;
    }

    /// They go out in the minute they come.
    pub(super) fn add_new(&mut self, plan: usize, minute: i64) {
        self.newcomers += 1;
        self.add(plan, minute, 1);
    }

    pub(super) fn set_cadence(&mut self, plan: usize, cadence: Duration, minute: i64) {
        let plan = &mut self.plans[plan];
        plan.before = plan.cadence;
        (plan.cadence, plan.changed_at) = (minutes(cadence), minute);
    }

    /// What goes out in the minute.
    pub(super) fn emit(&mut self, minute: i64) -> u64 {
        let mut emitted = std::mem::take(&mut self.newcomers);
        for plan in &mut self.plans {
            let mut due = 0;
            while let Some(first) = plan.stamps.first_entry() {
                let age = minute - first.key();
                if age < plan.cadence {
                    break;
                }
                let is_before = *first.key() < plan.changed_at;
                let promised = plan.cadence.max(if is_before { plan.before } else { 0 });
                let count = first.remove();
                self.late += if promised < age { count } else { 0 };
                self.oldest_over_cadence =
                    self.oldest_over_cadence.max(age as f64 / promised as f64);
                due += count;
            }
            if due != 0 {
                *plan.stamps.entry(minute).or_default() += due;
            }
            emitted += due;
        }
        emitted
    }
}

pub(super) fn minutes(length: Duration) -> i64 {
    i64::try_from(length.as_secs() / 60).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::scenario::FleetShape;

    const DAY: i64 = 1_440;

    #[test]
    fn what_was_scanned_together_comes_together_for_ever_and_a_shorter_cadence_makes_it_due() {
        let fleet = Fleet::new(&FleetShape::default());
        let free = fleet.number("free");
        let mut old = Old::new(&fleet);
        old.add(free, 0, 700);
        (1..=300).for_each(|minute| old.add(free, minute, 1));
        let week = 7 * DAY;
        assert_eq!((old.emit(week - 1), old.emit(week), old.emit(week + 1)), (0, 700, 1));
        assert_eq!((old.emit(2 * week - 1), old.emit(2 * week)), (299, 700));
        old.set_cadence(free, Duration::from_secs(86_400), 2 * week + 1);
        assert_eq!(old.emit(2 * week + 1), 1, "the one that was scanned longer than a day ago");
        assert_eq!(old.late, 299, "those that nobody asked for in time");
    }
}

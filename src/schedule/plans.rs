//! The plans of a fleet, each with how fresh its assets are.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Cadences;
use crate::model::UnixTime;

/// A stamp is kept to this part of the cadence, so that a plan needs a few thousand counts at most,
/// however many assets it has.
const STAMPS_A_CADENCE: u32 = 1_000;

/// A plan of [`Plans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlanId(u32);

/// How well the promise of one plan is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProgress {
    pub plan: String,
    pub cadence: Duration,
    pub assets: u64,
    pub never_scanned: u64,
    /// Scanned ones whose cadence is over, also while a scan of them is under way.
    pub overdue: u64,
    /// When the asset was scanned that was scanned longest ago, up to a thousandth of the cadence
    /// early; None if none was.
    pub oldest: Option<UnixTime>,
}

/// Every plan that some asset has or had.
#[derive(Debug, Default)]
pub(super) struct Plans {
    plans: Vec<Plan>,
    by_name: HashMap<String, PlanId>,
}

#[derive(Debug)]
struct Plan {
    name: String,
    cadence: Duration,
    assets: u64,
    /// Scanned assets by the number of the stamp of their last scan.
    stamps: BTreeMap<u64, u64>,
}

impl Plans {
    pub(super) fn id(&mut self, name: &str, cadences: &Cadences) -> PlanId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = PlanId(u32::try_from(self.plans.len()).expect("fewer than four billion plans"));
        let (name, cadence) = (name.to_owned(), cadences.of(name));
        self.by_name.insert(name.clone(), id);
        self.plans.push(Plan { name, cadence, assets: 0, stamps: BTreeMap::new() });
        id
    }

    fn plan(&mut self, id: PlanId) -> &mut Plan {
        &mut self.plans[id.0 as usize]
    }

    pub(super) fn cadence(&self, id: PlanId) -> Duration {
        self.plans[id.0 as usize].cadence
    }

    /// Counts an asset by the stamp of its last scan.
    pub(super) fn add(&mut self, id: PlanId, scheduled_at: Option<UnixTime>) {
        let plan = self.plan(id);
        plan.assets += 1;
        if let Some(at) = scheduled_at {
            *plan.stamps.entry(plan.stamp(at)).or_default() += 1;
        }
    }

    /// Takes back what was added with the same arguments.
    pub(super) fn remove(&mut self, id: PlanId, scheduled_at: Option<UnixTime>) {
        let plan = self.plan(id);
        plan.assets -= 1;
        let Some(stamp) = scheduled_at.map(|at| plan.stamp(at)) else { return };
        if let Some(count) = plan.stamps.get_mut(&stamp) {
            *count -= 1;
            if *count == 0 {
                plan.stamps.remove(&stamp);
            }
        }
    }

    /// Plans that have assets, by name.
    pub(super) fn progress(&self, now: UnixTime) -> Vec<PlanProgress> {
        let mut plans: Vec<_> = self.in_use().map(|plan| plan.progress(now)).collect();
        plans.sort_by(|left, right| left.plan.cmp(&right.plan));
        plans
    }

    pub(super) fn cadence_min(&self) -> Option<Duration> {
        self.in_use().map(|plan| plan.cadence).min()
    }

    /// Scans a second that keep every promise in the long run: the sum of count / cadence.
    pub(super) fn nominal_per_second(&self) -> f64 {
        self.in_use().map(|plan| plan.assets as f64 / plan.cadence.as_secs_f64()).sum()
    }

    fn in_use(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(|plan| plan.assets != 0)
    }
}

impl Plan {
    fn stamp_us(&self) -> u64 {
        u64::try_from((self.cadence / STAMPS_A_CADENCE).as_micros()).unwrap_or(u64::MAX).max(1)
    }

    fn stamp(&self, at: UnixTime) -> u64 {
        at.as_micros() / self.stamp_us()
    }

    fn progress(&self, now: UnixTime) -> PlanProgress {
        let scanned: u64 = self.stamps.values().sum();
        let overdue_below = now.before(self.cadence).map_or(0, |last| self.stamp(last));
        let oldest = self.stamps.first_key_value();
        PlanProgress {
            plan: self.name.clone(),
            cadence: self.cadence,
            assets: self.assets,
            never_scanned: self.assets - scanned,
            overdue: self.stamps.range(..overdue_below).map(|(_, count)| count).sum(),
            oldest: oldest.map(|(stamp, _)| UnixTime::from_micros(stamp * self.stamp_us())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOON: UnixTime = UnixTime::from_micros(100 * 86_400_000_000);

    #[test]
    fn counts_what_was_never_scanned_what_is_overdue_and_the_oldest() {
        let mut plans = Plans::default();
        let id = plans.id("enterprise", &Cadences::default());
        assert_eq!(plans.id("enterprise", &Cadences::default()), id);
        plans.id("free", &Cadences::default());
        for scheduled_at in [None, Some(NOON), Some(NOON + DAY / 2)] {
            plans.add(id, scheduled_at);
        }
        let progress = |plans: &Plans, now| plans.progress(now).pop().expect("a plan");
        let expected = PlanProgress {
            plan: "enterprise".to_owned(),
            cadence: DAY,
            assets: 3,
            never_scanned: 1,
            overdue: 0,
            oldest: Some(NOON),
        };
        assert_eq!(progress(&plans, NOON + DAY), expected);
        let late = PlanProgress { overdue: 1, ..expected };
        assert_eq!(progress(&plans, NOON + DAY * 1_002 / 1_000), late);
        plans.remove(id, Some(NOON));
        plans.remove(id, None);
        let left = progress(&plans, NOON + DAY * 1_002 / 1_000);
        assert_eq!((left.assets, left.never_scanned, left.overdue), (1, 0, 0));
        assert_eq!(plans.progress(NOON).len(), 1, "plans without assets are left out");
    }
}

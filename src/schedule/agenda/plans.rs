//! The plans of a fleet, each with how fresh its assets are.

use std::collections::HashMap;
use std::time::Duration;

use super::stamps::Stamps;
use super::terms::Terms;
use super::ticks::Calendar;
use crate::model::UnixTime;
use crate::schedule::Cadences;

/// A stamp is kept to this part of the cadence, so that a plan needs a few thousand counts at most,
/// however many assets it has.
const STAMPS_A_CADENCE: u32 = 1_000;

/// A plan of [`Plans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlanId(pub(super) u8);

/// More plans than this share the last one, with the cadence of the first that came so late.
const PLANS_MAX: usize = u8::MAX as usize + 1;

/// To compare so many names takes less time than to hash one.
const LOOKED_THROUGH: usize = 8;

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
    terms: Terms,
    /// The part of time that a stamp is kept to.
    stamp_us: u64,
    assets: u64,
    /// Of those.
    scanned: u64,
    /// Scanned assets by the number of the stamp of their last scan.
    stamps: Stamps,
}

impl Plans {
    pub(super) fn id(&mut self, name: &str, cadences: &Cadences) -> PlanId {
        self.find(name).unwrap_or_else(|| self.add_plan(name, cadences))
    }

    /// None if nobody has asked for it.
    pub(super) fn find(&self, name: &str) -> Option<PlanId> {
        let number = self.plans.iter().take(LOOKED_THROUGH).position(|plan| plan.name == name);
        match number {
            Some(number) => Some(PlanId(number as u8)),
            None => self.by_name.get(name).copied(),
        }
    }

    fn add_plan(&mut self, name: &str, cadences: &Cadences) -> PlanId {
        let number = self.plans.len().min(PLANS_MAX - 1);
        let id = PlanId(number as u8);
        self.by_name.insert(name.to_owned(), id);
        if number == self.plans.len() {
            let cadence = cadences.of(name);
            let stamp_us = u64::try_from((cadence / STAMPS_A_CADENCE).as_micros());
            self.plans.push(Plan {
                name: name.to_owned(),
                terms: Terms::new(cadence),
                stamp_us: stamp_us.unwrap_or(u64::MAX).max(1),
                assets: 0,
                scanned: 0,
                stamps: Stamps::default(),
            });
        }
        id
    }

    /// All that have been asked for.
    pub(super) fn ids(&self) -> impl Iterator<Item = PlanId> + use<> {
        (0..self.plans.len()).map(|number| PlanId(number as u8))
    }

    pub(super) fn name(&self, id: PlanId) -> &str {
        &self.plans[usize::from(id.0)].name
    }

    pub(super) fn terms(&self, id: PlanId) -> &Terms {
        &self.plans[usize::from(id.0)].terms
    }

    pub(super) fn terms_mut(&mut self, id: PlanId) -> &mut Terms {
        &mut self.plan(id).terms
    }

    fn plan(&mut self, id: PlanId) -> &mut Plan {
        &mut self.plans[usize::from(id.0)]
    }

    /// Counts an asset by the stamp of its last scan.
    pub(super) fn add(&mut self, id: PlanId, scheduled_at: Option<UnixTime>) {
        let plan = self.plan(id);
        plan.assets += 1;
        if let Some(at) = scheduled_at {
            plan.scanned += 1;
            plan.stamps.add(plan.stamp(at));
        }
    }

    /// Takes back what was added with the same arguments.
    pub(super) fn remove(&mut self, id: PlanId, scheduled_at: Option<UnixTime>) {
        let plan = self.plan(id);
        plan.assets -= 1;
        let Some(stamp) = scheduled_at.map(|at| plan.stamp(at)) else { return };
        plan.scanned -= u64::from(plan.stamps.remove(stamp));
    }

    /// Plans that have assets, by name.
    pub(super) fn progress(&self, now: UnixTime, calendar: Calendar) -> Vec<PlanProgress> {
        let mut plans: Vec<_> = self.in_use().map(|plan| plan.progress(now, calendar)).collect();
        plans.sort_by(|left, right| left.plan.cmp(&right.plan));
        plans
    }

    /// Scans a second that keep every promise in the long run: the sum of count / cadence.
    pub(super) fn nominal_per_second(&self) -> f64 {
        self.in_use().map(|plan| plan.assets as f64 / plan.terms.cadence().as_secs_f64()).sum()
    }

    pub(super) fn overdue(&self, now: UnixTime, calendar: Calendar) -> u64 {
        self.in_use().map(|plan| plan.overdue(now, calendar)).sum()
    }

    fn in_use(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(|plan| plan.assets != 0)
    }
}

impl Plan {
    fn stamp(&self, at: UnixTime) -> u64 {
        at.as_micros() / self.stamp_us
    }

    fn overdue(&self, now: UnixTime, calendar: Calendar) -> u64 {
        let (changed_at, long, short) = self.terms.overdue(calendar.tick(now));
        let stamp = |tick| self.stamp(calendar.time(tick));
        let before = self.stamps.count(0..stamp(long.min(changed_at)));
        before + self.stamps.count(stamp(changed_at)..stamp(short))
    }

    fn progress(&self, now: UnixTime, calendar: Calendar) -> PlanProgress {
        let oldest = self.stamps.oldest();
        PlanProgress {
            plan: self.name.clone(),
            cadence: self.terms.cadence(),
            assets: self.assets,
            never_scanned: self.assets - self.scanned,
            overdue: self.overdue(now, calendar),
            oldest: oldest.map(|stamp| UnixTime::from_micros(stamp * self.stamp_us)),
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
        let calendar = Calendar::around(NOON);
        let progress = |plans: &Plans, now| plans.progress(now, calendar).pop().expect("a plan");
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
        assert_eq!(plans.progress(NOON, calendar).len(), 1, "plans without assets are left out");
    }
}

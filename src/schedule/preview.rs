//! What a schedule is going to do, told before it does it.

use std::time::Duration;

use super::{Agenda, Expectation, LaneSplit, PlanProgress, Rate};
use crate::model::UnixTime;

/// What is set apart from what the agenda knows.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Threads that judge.
    pub workers: usize,
    pub rate: Rate,
    /// Scans a second that nothing exceeds.
    pub per_second_max: Option<f64>,
    pub first_within: Option<Duration>,
}

/// What is to be expected, in scans a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// By name.
    pub plans: Vec<PlanPreview>,
    /// The sum of count / cadence: what the promises need in the long run.
    pub nominal: f64,
    /// The smallest constant rate that keeps every promise from now on; infinite if one is broken.
    pub need: f64,
    /// What may go out at most: the buffer times what is nominal, or the rate that is set, or a limit
    /// below that; infinite if credits alone hold back.
    pub allowed: f64,
    pub expectation: Expectation,
    pub lanes: LaneSplit,
    /// Until every asset was scanned once; zero if all were. With `auto` as predicted: if scans take as
    /// long as lanes expect of them.
    pub covered_in: Duration,
}

/// One plan of a [`Preview`].
#[derive(Clone, Debug, PartialEq)]
pub struct PlanPreview {
    pub progress: PlanProgress,
    pub nominal: f64,
    pub need: f64,
    /// What it gets; in the long run, if the rate is set.
    pub rate: f64,
}

impl Preview {
    /// Of an agenda that was filled, and [paced](Agenda::pace) at `now`.
    pub fn of(agenda: &Agenda, means: Means, now: UnixTime) -> Preview {
        let plan = |progress: PlanProgress| {
            let (need, rate) = agenda.rates_of(&progress.plan);
            let nominal = progress.assets as f64 / progress.cadence.as_secs_f64();
            let rate = if means.rate == Rate::Auto { rate } else { nominal };
            PlanPreview { progress, nominal, need, rate }
        };
        let plans: Vec<PlanPreview> = agenda.plans(now).into_iter().map(plan).collect();
        let expectation = agenda.expectation();
        let limit = means.per_second_max.unwrap_or(f64::INFINITY);
        let (allowed, set) = match means.rate {
            Rate::Auto => (agenda.per_second_max(), f64::INFINITY),
            Rate::PerSecond(rate) => (rate, rate),
            Rate::Max => (f64::INFINITY, f64::INFINITY),
        };
        let (allowed, new) = (allowed.min(limit), set.min(limit));
        let covered_in = match (expectation.never_scanned, means.first_within) {
            (0, _) => Duration::ZERO,
            (_, Some(within)) => within,
            (count, None) => {
                let judged = expectation.first_scans / means.workers.max(1) as u32;
                let limited = Duration::try_from_secs_f64(count as f64 / new);
                judged.max(limited.unwrap_or(Duration::MAX))
            }
        };
        Preview {
            nominal: plans.iter().map(|plan| plan.nominal).sum(),
            need: plans.iter().map(|plan| plan.need).sum(),
            plans,
            allowed,
            expectation,
            lanes: agenda.lane_split(),
            covered_in,
        }
    }

    /// Whether every promise can be kept.
    pub fn is_enough(&self) -> bool {
        self.need.is_finite() && self.need <= self.allowed
    }

    /// The part of what is allowed that nobody needs now.
    pub fn reserve(&self) -> f64 {
        (1.0 - self.need.max(self.nominal) / self.allowed).max(0.0)
    }

    /// Until all that is overdue is back inside its cadence; zero if nothing is, None if never, or if
    /// credits alone decide.
    pub fn healed_in(&self) -> Option<Duration> {
        let overdue: u64 = self.plans.iter().map(|plan| plan.progress.overdue).sum();
        let spare = self.allowed - self.nominal;
        match overdue {
            0 => Some(Duration::ZERO),
            _ if spare <= 0.0 || spare.is_infinite() => None,
            count => Duration::try_from_secs_f64(count as f64 / spare).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Lanes;
    use crate::model::AssetId;
    use crate::schedule::{Cadences, Listed};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOON: UnixTime = UnixTime::from_micros(100 * 86_400_000_000);
    const MEANS: Means =
        Means { workers: 2, rate: Rate::Auto, per_second_max: None, first_within: None };

    /// Of enterprise: a day each, by the age of their last scan.
    fn preview(ages: impl Iterator<Item = Option<Duration>>, means: Means) -> Preview {
        let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOON);
        for (number, age) in (0..).zip(ages) {
            let (asset, plan) = (AssetId(number), "enterprise".to_owned());
            let scheduled_at =
                age.map(|age| UnixTime::from_micros(NOON.as_micros() - age.as_micros() as u64));
            agenda.insert(
                &Listed { asset, account: asset, plan, scheduled_at, records: 32, measured: None },
                NOON,
            );
        }
        agenda.pace(NOON);
        Preview::of(&agenda, means, NOON)
    }

    #[test]
    fn an_even_fleet_needs_what_its_cadence_says_and_leaves_a_reserve() {
        let preview =
            preview((0..86_400).map(|age| Some(Duration::from_secs(age) * 9 / 10)), MEANS);
        assert!((preview.nominal - 1.0).abs() < 1e-9);
        assert!((0.98..1.06).contains(&preview.need), "{}", preview.need);
        assert!((preview.allowed - 1.2).abs() < 1e-9);
        assert!(preview.is_enough() && (0.1..0.2).contains(&preview.reserve()));
        assert_eq!(preview.covered_in, Duration::ZERO);
        let fast = preview.expectation.lanes.fast;
        assert_eq!(fast.assets, 86_400);
        assert!((fast.busy - 0.000_18).abs() < 1e-6, "a scan a second of 20 + 32 x 5 us: {fast:?}");
    }

    #[test]
    fn a_herd_that_the_buffer_cannot_scan_in_time_is_said() {
        let herd = preview((0..86_400).map(|_| Some(DAY / 2)), MEANS);
        assert!((2.0..2.2).contains(&herd.need), "{}", herd.need);
        assert!(!herd.is_enough() && herd.reserve() == 0.0);
        let broken = preview((0..8_640).map(|_| Some(2 * DAY)), MEANS);
        assert!(broken.need.is_infinite() && !broken.is_enough());
        let healed = broken.healed_in().expect("there is a buffer").as_secs_f64();
        assert!((0.99..1.01).contains(&(healed * 1.1 / 8_640.0)), "1.2/s - 0.1/s: {healed}");
    }

    #[test]
    fn a_rate_that_is_set_is_what_is_allowed() {
        let even = || (0..86_400).map(|age| Some(Duration::from_secs(age) * 9 / 10));
        let of = |rate, per_second_max| preview(even(), Means { rate, per_second_max, ..MEANS });
        let slow = of(Rate::PerSecond(0.5), None);
        assert!(slow.allowed == 0.5 && !slow.is_enough() && slow.plans[0].rate == slow.nominal);
        let max = of(Rate::Max, None);
        assert!(max.allowed.is_infinite() && max.is_enough() && max.reserve() == 1.0);
        assert_eq!(of(Rate::Max, Some(7.0)).allowed, 7.0);
        let broken = preview((0..9).map(|_| Some(2 * DAY)), Means { rate: Rate::Max, ..MEANS });
        assert!(!broken.is_enough() && broken.healed_in().is_none());
        let new = Means { rate: Rate::PerSecond(50.0), ..MEANS };
        let covered_in = preview((0..100_000).map(|_| None), new).covered_in;
        assert_eq!(covered_in, Duration::from_secs(2_000));
    }

    #[test]
    fn first_coverage_takes_what_scans_are_predicted_to_or_what_was_set() {
        let never = || (0..100_000).map(|_| None);
        assert_eq!(preview(never(), MEANS).covered_in, Duration::from_secs(9), "180 us by 2");
        let limited = Means { per_second_max: Some(100.0), ..MEANS };
        assert_eq!(preview(never(), limited).covered_in, Duration::from_secs(1_000));
        let set = Means { first_within: Some(DAY / 4), ..MEANS };
        assert_eq!(preview(never(), set).covered_in, DAY / 4);
    }
}

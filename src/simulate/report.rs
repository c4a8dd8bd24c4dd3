//! What came of a scenario.

use std::time::Duration;

use super::minutes::{Minute, Phase, peak_over_mean, peak_over_nominal, phases};

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// At the end.
    pub assets: u64,
    pub virtual_days: u32,
    pub scans: u64,
    /// Scans after their promises were over, and assets that were overdue at the end. A promise is the
    /// cadence; after a change it is the longer one until the next scan.
    pub late: u64,
    /// Of those: assets of other accounts than one that came with everything due.
    pub late_others: u64,
    /// The greatest part of a promise that was over when its scan went out.
    pub oldest_over_cadence: f64,
    pub throttle: Throttled,
    /// The greatest of the phases.
    pub peak_over_mean: f64,
    /// Of the sum of count / cadence; the first hour is left out.
    pub peak_over_nominal: f64,
    pub phases: Vec<Phase>,
    pub plans: Vec<PlanReport>,
    /// Scans by minute.
    pub per_minute: Vec<u64>,
    /// Those of the story's old scheduler.
    pub old_per_minute: Vec<u64>,
}

/// How far sinks and lanes held back the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttled {
    /// The least part of the rate that they took.
    pub least: f64,
    /// For how long it was less than all.
    pub length: Duration,
}

/// How it went for one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReport {
    pub plan: String,
    pub late: u64,
    /// How long after the end of the last event some asset was outside of its cadence, as it is by
    /// then; to the minute. None: none was, or there was no event.
    pub outside_for: Option<Duration>,
}

impl Report {
    pub(super) fn empty(virtual_days: u32) -> Report {
        Report {
            assets: 0,
            virtual_days,
            scans: 0,
            late: 0,
            late_others: 0,
            oldest_over_cadence: 0.0,
            throttle: Throttled { least: 1.0, length: Duration::ZERO },
            peak_over_mean: 1.0,
            peak_over_nominal: 0.0,
            phases: Vec::new(),
            plans: Vec::new(),
            per_minute: Vec::new(),
            old_per_minute: Vec::new(),
        }
    }

    /// With what the minutes say.
    pub(super) fn even(self, minutes: &[Minute]) -> Report {
        let phases = phases(minutes);
        Report {
            peak_over_mean: peak_over_mean(&phases),
            peak_over_nominal: peak_over_nominal(minutes),
            per_minute: minutes.iter().map(|minute| u64::from(minute.emitted)).collect(),
            phases,
            ..self
        }
    }

    /// Of the story's old scheduler: the greatest minute over the mean, the first hour left out.
    pub fn old_peak_over_mean(&self) -> f64 {
        let counted = self.old_per_minute.get(super::minutes::FIRST_MINUTES..).unwrap_or_default();
        let mean = counted.iter().sum::<u64>() as f64 / counted.len().max(1) as f64;
        let peak = counted.iter().copied().max().unwrap_or_default() as f64;
        if mean == 0.0 { 1.0 } else { peak / mean }
    }
}

//! What the source measures: whole scans, their rate, and what holds them back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{Counter, CounterVec, Histogram, HistogramVec, Registry};

use super::costs::CostMeter;
use super::{histograms, seconds};
use crate::model::{Lane, PerLane, Ticket, UnixTime};
use crate::schedule::{HeldBack, Released};

/// Rates are taken over the last so much ...
const WINDOW: Duration = Duration::from_secs(10);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// ... from counts that are at least so far apart.
const WEEK_STEP: Duration = Duration::from_secs(3_600);

/// Scans a second that went out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Actual {
    pub(super) per_second: Option<f64>,
    pub(super) per_second_week: Option<f64>,
}

/// What a source measures with, looked up once.
#[derive(Clone, Debug)]
pub struct SourceMeter {
    scans: PerLane<Histogram>,
    returned: PerLane<Histogram>,
    ages: PerLane<Histogram>,
    held_back: PerLane<[Counter; 2]>,
    emitted: Emitted,
    emitted_week: Emitted,
    costs: CostMeter,
}

impl SourceMeter {
    /// The ticket of a scan is back.
    pub fn released(&self, lane: Lane, ticket: &Ticket, released: &Released, now: UnixTime) {
        self.returned[lane].observe(now.since(ticket.since).as_secs_f64());
        self.ages[lane].observe(now.since(ticket.emitted_at).as_secs_f64());
        self.scans[lane].observe(released.took.as_secs_f64());
        self.costs.released(lane, released);
    }

    /// Scans of the lane were due and did not go out.
    pub fn held_back(&self, lane: Lane, reason: HeldBack, length: Duration) {
        self.held_back[lane][reason as usize].inc_by(length.as_secs_f64());
    }

    /// How many scans went out since the start.
    pub fn emitted(&self, scans: u64, now: UnixTime) {
        self.emitted.push(scans, now);
        self.emitted_week.push(scans, now);
    }
}

/// Counts of the last while, with their times.
#[derive(Clone, Debug)]
struct Emitted {
    counts: Arc<Mutex<VecDeque<(UnixTime, u64)>>>,
    window: Duration,
    step: Duration,
}

impl Emitted {
    fn within(window: Duration, step: Duration) -> Emitted {
        Emitted { counts: Arc::default(), window, step }
    }

    fn push(&self, scans: u64, now: UnixTime) {
        let mut counts = self.counts();
        // A new run counts from 0 again.
        if counts.back().is_some_and(|(_, before)| scans < *before) {
            counts.clear();
        }
        // The last one is kept up to date, until it is far enough from the one before.
        let before = counts.len().checked_sub(2).map(|before| counts[before].0);
        if before.is_some_and(|before| now.since(before) < self.step) {
            counts.pop_back();
        }
        counts.push_back((now, scans));
        // The oldest one that is left is the last one from before the window.
        while counts.get(1).is_some_and(|(at, _)| self.window <= now.since(*at)) {
            counts.pop_front();
        }
    }

    /// Falls with time when nothing is pushed.
    fn per_second(&self, now: UnixTime) -> Option<f64> {
        let counts = self.counts();
        let (first, last) = (counts.front()?, counts.back()?);
        let length = now.since(first.0).as_secs_f64();
        Some(if length == 0.0 { 0.0 } else { (last.1 - first.1) as f64 / length })
    }

    fn counts(&self) -> MutexGuard<'_, VecDeque<(UnixTime, u64)>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct SourceFamilies {
    scans: HistogramVec,
    held_back: CounterVec,
    emitted: Emitted,
    emitted_week: Emitted,
    costs: CostMeter,
}

impl SourceFamilies {
    pub(super) fn register(registry: &Registry) -> SourceFamilies {
        SourceFamilies {
            scans: histograms(
                registry,
                "scanflow_scan_duration_seconds",
                "Scans from emitted until their ticket was back.",
                &["lane"],
            ),
            held_back: seconds(
                registry,
                "scanflow_backpressure_seconds_total",
                "Time in which a scan was due and allowed by the rate, and was held back.",
                &["lane", "stage", "reason"],
            ),
            emitted: Emitted::within(WINDOW, Duration::ZERO),
            emitted_week: Emitted::within(WEEK, WEEK_STEP),
            costs: CostMeter::register(registry),
        }
    }

    /// `returned` and `ages` are those of the last stage.
    pub(super) fn of(&self, returned: PerLane<Histogram>, ages: PerLane<Histogram>) -> SourceMeter {
        let held_back = |lane: Lane| {
            [HeldBack::Credits, HeldBack::Memory].map(|reason| {
                self.held_back.with_label_values(&[lane.name(), "schedule", reason.name()])
            })
        };
        SourceMeter {
            scans: PerLane::from_fn(|lane| self.scans.with_label_values(&[lane.name()])),
            returned,
            ages,
            held_back: PerLane::from_fn(held_back),
            emitted: self.emitted.clone(),
            emitted_week: self.emitted_week.clone(),
            costs: self.costs.clone(),
        }
    }

    pub(super) fn emitted(&self, now: UnixTime) -> Actual {
        Actual {
            per_second: self.emitted.per_second(now),
            per_second_week: self.emitted_week.per_second(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_falls_in_silence() {
        let second = |number: u64| UnixTime::from_micros(number * 1_000_000);
        let emitted = Emitted::within(WINDOW, Duration::ZERO);
        assert_eq!(emitted.per_second(second(1)), None);
        (0..=20).for_each(|number| emitted.push(number * number, second(number)));
        assert_eq!(emitted.per_second(second(20)), Some(30.0), "(400 - 100) / 10 s");
        assert_eq!(emitted.per_second(second(310)), Some(1.0), "300 / 300 s");
        emitted.push(7, second(311));
        emitted.push(9, second(312));
        assert_eq!(emitted.per_second(second(312)), Some(2.0), "a new run counts from 0");
    }

    #[test]
    fn the_rate_of_a_week_needs_a_count_an_hour() {
        let second = |number: u64| UnixTime::from_micros(number * 1_000_000);
        let emitted = Emitted::within(WEEK, WEEK_STEP);
        let days = 9 * 86_400;
        (0..=days / 10).for_each(|tens| emitted.push(tens * 20, second(tens * 10)));
        assert_eq!(emitted.per_second(second(days)), Some(2.0));
        assert!(emitted.counts().len() <= 7 * 24 + 2, "{}", emitted.counts().len());
    }
}

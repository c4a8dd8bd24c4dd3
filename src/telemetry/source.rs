//! What the source measures: whole scans, their rate, and what holds them back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{Counter, CounterVec, Histogram, HistogramVec, Registry};

use super::{histograms, seconds};
use crate::model::{Lane, PerLane, Ticket, UnixTime};
use crate::schedule::HeldBack;

/// The rate is taken over the last so much.
const WINDOW: Duration = Duration::from_secs(10);

/// What a source measures with, looked up once.
#[derive(Clone, Debug)]
pub struct SourceMeter {
    scans: PerLane<Histogram>,
    returned: PerLane<Histogram>,
    ages: PerLane<Histogram>,
    held_back: PerLane<[Counter; 2]>,
    emitted: Emitted,
}

impl SourceMeter {
    /// The ticket of a scan that took so long is back.
    pub fn released(&self, lane: Lane, ticket: &Ticket, took: Duration, now: UnixTime) {
        self.returned[lane].observe(now.since(ticket.since).as_secs_f64());
        self.ages[lane].observe(now.since(ticket.emitted_at).as_secs_f64());
        self.scans[lane].observe(took.as_secs_f64());
    }

    /// Scans of the lane were due and did not go out.
    pub fn held_back(&self, lane: Lane, reason: HeldBack, length: Duration) {
        self.held_back[lane][reason as usize].inc_by(length.as_secs_f64());
    }

    /// How many scans went out since the start.
    pub fn emitted(&self, scans: u64, now: UnixTime) {
        self.emitted.push(scans, now);
    }
}

/// Counts of the last [`WINDOW`], with their times.
#[derive(Clone, Debug, Default)]
struct Emitted(Arc<Mutex<VecDeque<(UnixTime, u64)>>>);

impl Emitted {
    fn push(&self, scans: u64, now: UnixTime) {
        let mut counts = self.counts();
        // A new run counts from 0 again.
        if counts.back().is_some_and(|(_, before)| scans < *before) {
            counts.clear();
        }
        counts.push_back((now, scans));
        // The oldest one that is left is the last one from before the window.
        while counts.get(1).is_some_and(|(at, _)| WINDOW <= now.since(*at)) {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct SourceFamilies {
    scans: HistogramVec,
    held_back: CounterVec,
    emitted: Emitted,
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
            emitted: Emitted::default(),
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
        }
    }

    pub(super) fn emitted_per_second(&self, now: UnixTime) -> Option<f64> {
        self.emitted.per_second(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_falls_in_silence() {
        let second = |number: u64| UnixTime::from_micros(number * 1_000_000);
        let emitted = Emitted::default();
        assert_eq!(emitted.per_second(second(1)), None);
        (0..=20).for_each(|number| emitted.push(number * number, second(number)));
        assert_eq!(emitted.per_second(second(20)), Some(30.0), "(400 - 100) / 10 s");
        assert_eq!(emitted.per_second(second(310)), Some(1.0), "300 / 300 s");
        emitted.push(7, second(311));
        emitted.push(9, second(312));
        assert_eq!(emitted.per_second(second(312)), Some(2.0), "a new run counts from 0");
    }
}

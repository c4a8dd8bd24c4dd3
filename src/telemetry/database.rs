//! What was last seen of the database, and how long its connections were waited for.

use std::time::Duration;

use prometheus::{GaugeVec, Histogram, HistogramVec, Registry};

use super::{gauges, histograms};
use crate::clock::Clock;
use crate::model::{Severity, UnixTime};

/// The connections of one part of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabasePool {
    Fast,
    Slow,
    Control,
}

impl DatabasePool {
    pub(super) const ALL: [DatabasePool; 3] =
        [DatabasePool::Fast, DatabasePool::Slow, DatabasePool::Control];

    fn name(self) -> &'static str {
        match self {
            DatabasePool::Fast => "fast",
            DatabasePool::Slow => "slow",
            DatabasePool::Control => "control",
        }
    }
}

/// Measures what waits for a connection of one pool.
#[derive(Clone, Debug)]
pub struct PoolMeter {
    waits: Histogram,
    clock: Clock,
}

/// Counts as waiting until it is dropped.
#[derive(Debug)]
pub struct Waiting<'a> {
    meter: &'a PoolMeter,
    since: UnixTime,
}

impl PoolMeter {
    pub fn wait(&self) -> Waiting<'_> {
        Waiting { meter: self, since: self.clock.now() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = self.meter.clock.now().since(self.since);
        self.meter.waits.observe(waited.as_secs_f64());
    }
}

pub(super) fn register_waits(registry: &Registry) -> HistogramVec {
    let waits = histograms(
        registry,
        "scanflow_db_pool_wait_seconds",
        "Waiting for a connection of a pool, until one is free or made, or given up.",
        &["pool"],
    );
    DatabasePool::ALL.iter().for_each(|pool| drop(waits.with_label_values(&[pool.name()])));
    waits
}

pub(super) fn waits_of(waits: &HistogramVec, pool: DatabasePool, clock: Clock) -> PoolMeter {
    PoolMeter { waits: waits.with_label_values(&[pool.name()]), clock }
}

pub(super) struct DatabaseGauges {
    up: GaugeVec,
    round_trip: GaugeVec,
    insights_open: GaugeVec,
    pub(super) open: Option<Vec<(Severity, i64)>>,
}

impl DatabaseGauges {
    pub(super) fn register(registry: &Registry) -> DatabaseGauges {
        DatabaseGauges {
            up: gauges(registry, "scanflow_db_up", "1 if the database answers, else 0.", &[]),
            round_trip: gauges(
                registry,
                "scanflow_db_rtt_seconds",
                "The last round trip to the database, on a connection of its own.",
                &[],
            ),
            insights_open: gauges(
                registry,
                "scanflow_insights_open",
                "Open insights when they were last counted.",
                &["severity"],
            ),
            open: None,
        }
    }

    pub(super) fn answered(&self, round_trip: Option<Duration>) {
        self.up.with_label_values::<&str>(&[]).set(f64::from(u8::from(round_trip.is_some())));
        self.round_trip.reset();
        if let Some(round_trip) = round_trip {
            self.round_trip.with_label_values::<&str>(&[]).set(round_trip.as_secs_f64());
        }
    }

    pub(super) fn insights_are_open(&mut self, open: &[(Severity, i64)]) {
        self.open = Some(open.to_vec());
        for severity in Severity::ALL {
            let count = open.iter().find(|(of, _)| *of == severity).map_or(0, |(_, count)| *count);
            self.insights_open.with_label_values(&[severity.name()]).set(count as f64);
        }
    }
}

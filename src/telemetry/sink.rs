//! What a sink of Postgres measures.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{counters, histograms, levels, sizes};

/// What a flush did, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An insight that there was not.
    New,
    Changed,
    Resolved,
    Reopened,
    /// An outcome with the digest of the one before.
    Unchanged,
    /// An outcome that a newer one had overtaken, or whose asset is gone.
    Stale,
    /// An outcome that was applied before.
    Duplicate,
}

impl Action {
    const ALL: [Action; 7] = [
        Action::New,
        Action::Changed,
        Action::Resolved,
        Action::Reopened,
        Action::Unchanged,
        Action::Stale,
        Action::Duplicate,
    ];

    fn name(self) -> &'static str {
        match self {
            Action::New => "new",
            Action::Changed => "changed",
            Action::Resolved => "resolved",
            Action::Reopened => "reopened",
            Action::Unchanged => "unchanged",
            Action::Stale => "stale",
            Action::Duplicate => "duplicate",
        }
    }
}

/// How a flush was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlushPath {
    /// One statement over arrays.
    Unnest,
    /// By COPY.
    Copy,
}

impl FlushPath {
    const ALL: [FlushPath; 2] = [FlushPath::Unnest, FlushPath::Copy];

    fn name(self) -> &'static str {
        match self {
            FlushPath::Unnest => "unnest",
            FlushPath::Copy => "copy",
        }
    }
}

/// Classes of SQLSTATE that can be the fault of an outcome, by their names in the documentation of
/// Postgres (appendix A), and the rest.
const CAUSES: [(&str, &str); 12] = [
    ("21", "cardinality_violation"),
    ("22", "data_exception"),
    ("23", "integrity_constraint_violation"),
    ("25", "invalid_transaction_state"),
    ("40", "transaction_rollback"),
    ("44", "with_check_option_violation"),
    ("54", "program_limit_exceeded"),
    ("55", "object_not_in_prerequisite_state"),
    ("57", "operator_intervention"),
    ("72", "snapshot_failure"),
    ("XX", "internal_error"),
    ("", "other"),
];

/// Shared by all sinks of a job.
#[derive(Clone, Debug)]
pub struct SinkMeter {
    flushes: [Histogram; FlushPath::ALL.len()],
    rows: [IntCounter; Action::ALL.len()],
    round_trips: IntCounter,
    outcomes: IntCounter,
    bytes: Histogram,
    copy_findings_min: IntGauge,
    parked: IntCounterVec,
}

impl Default for SinkMeter {
    /// One that nobody reads.
    fn default() -> SinkMeter {
        SinkMeter::register(&Registry::new())
    }
}

impl SinkMeter {
    pub(super) fn register(registry: &Registry) -> SinkMeter {
        let rows = counters(
            registry,
            "scanflow_sink_rows_total",
            "Insights that were new, changed, resolved or reopened; outcomes that were unchanged, \
             stale or duplicate.",
            &["action"],
        );
        let parked = counters(
            registry,
            "scanflow_dlq_total",
            "Outcomes that could not be stored and were put aside, by the class of the error.",
            &["cause"],
        );
        CAUSES.iter().for_each(|(_, cause)| drop(parked.with_label_values(&[cause])));
        let round_trips = "Statements that sinks waited for, without those that prepare.";
        let round_trips = counters(registry, "scanflow_sink_round_trips_total", round_trips, &[]);
        let flushes = "Flushes that succeeded.";
        let flushes =
            histograms(registry, "scanflow_sink_flush_duration_seconds", flushes, &["path"]);
        let outcomes = "Outcomes of flushes that succeeded.";
        let outcomes = counters(registry, "scanflow_sink_outcomes_total", outcomes, &[]);
        let bytes = sizes(
            registry,
            "scanflow_sink_flush_bytes",
            "Findings of flushes that succeeded, about.",
            &[1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8],
        );
        let copy_findings_min = levels(
            registry,
            "scanflow_sink_copy_findings_min",
            "From so many findings on a flush is copied.",
            &[],
        );
        SinkMeter {
            outcomes: outcomes.with_label_values::<&str>(&[]),
            bytes,
            copy_findings_min: copy_findings_min.with_label_values::<&str>(&[]),
            flushes: FlushPath::ALL.map(|path| flushes.with_label_values(&[path.name()])),
            rows: Action::ALL.map(|action| rows.with_label_values(&[action.name()])),
            round_trips: round_trips.with_label_values::<&str>(&[]),
            parked,
        }
    }

    /// So many outcomes with findings of so many bytes.
    pub fn flushed(&self, path: FlushPath, took: Duration, outcomes: usize, bytes: u64) {
        self.flushes[path as usize].observe(took.as_secs_f64());
        self.outcomes.inc_by(outcomes as u64);
        self.bytes.observe(bytes as f64);
    }

    pub fn copying_from(&self, copy_findings_min: usize) {
        self.copy_findings_min.set(i64::try_from(copy_findings_min).unwrap_or(i64::MAX));
    }

    pub fn rows(&self, action: Action, count: u64) {
        self.rows[action as usize].inc_by(count);
    }

    pub fn round_trips(&self, count: u64) {
        self.round_trips.inc_by(count);
    }

    /// An outcome was put aside for an error with this SQLSTATE.
    pub fn parked(&self, sqlstate: &str) {
        let cause = CAUSES.iter().find(|(class, _)| sqlstate.starts_with(class));
        cause.iter().for_each(|(_, cause)| self.parked.with_label_values(&[cause]).inc());
    }
}

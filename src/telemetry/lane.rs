//! What the operators of a lane measure.

use std::sync::OnceLock;

use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

use super::tries::Tries;
use super::{counters, histograms, levels};
use crate::clock::Clock;
use crate::model::{Lane, PerLane, Ticket, UnixTime};

/// Where the time of a scan goes. The stages of a scan follow each other without a gap, from
/// emitted to released, so that their times sum up to that of the scan. An asset that has vanished
/// goes from [`Stage::Load`] to [`Stage::Return`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From emitted to asked for: on its way to `load`, or behind other queries.
    LoadWait,
    /// The query, with all tries.
    Load,
    /// On its way to `check`, or behind other assets.
    CheckWait,
    /// Judged, with the pauses between slices.
    Check,
    /// On its way to `write`, or until its batch leaves.
    WriteWait,
    /// The flush, with all tries.
    Write,
    /// The ticket on its way back to the source.
    Return,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::LoadWait,
        Stage::Load,
        Stage::CheckWait,
        Stage::Check,
        Stage::WriteWait,
        Stage::Write,
        Stage::Return,
    ];

    /// As a label says it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::LoadWait => "load_wait",
            Stage::Load => "load",
            Stage::CheckWait => "check_wait",
            Stage::Check => "check",
            Stage::WriteWait => "write_wait",
            Stage::Write => "write",
            Stage::Return => "return",
        }
    }
}

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its outcome was applied, also if that changed nothing.
    Done,
    Duplicate,
    Stale,
    Parked,
    /// The asset was gone when it was to be loaded.
    Vanished,
    /// The asset was too large for the fast lane.
    HandedOver,
}

impl End {
    const ALL: [End; 6] =
        [End::Done, End::Duplicate, End::Stale, End::Parked, End::Vanished, End::HandedOver];

    fn name(self) -> &'static str {
        match self {
            End::Done => "done",
            End::Duplicate => "duplicate",
            End::Stale => "stale",
            End::Parked => "parked",
            End::Vanished => "vanished",
            End::HandedOver => "handed_over",
        }
    }
}

/// What became of a shard of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardEnd {
    Read,
    /// Its zone had changed since it was cut.
    Changed,
    /// It could not be read.
    Failed,
    /// Its zone is cut again.
    Skipped,
}

impl ShardEnd {
    const ALL: [ShardEnd; 4] =
        [ShardEnd::Read, ShardEnd::Changed, ShardEnd::Failed, ShardEnd::Skipped];

    fn name(self) -> &'static str {
        match self {
            ShardEnd::Read => "read",
            ShardEnd::Changed => "changed",
            ShardEnd::Failed => "failed",
            ShardEnd::Skipped => "skipped",
        }
    }
}

/// What one lane measures with: its clock, and its own metrics, looked up once.
#[derive(Clone, Debug)]
pub struct LaneMeter {
    pub lane: Lane,
    pub clock: Clock,
    pub loads: Tries,
    pub flushes: Tries,
    pub check_panics: IntCounter,
    stages: [Histogram; Stage::ALL.len()],
    ages: [Histogram; Stage::ALL.len()],
    ends: [IntCounter; End::ALL.len()],
    load_weight: IntGauge,
    shards: [IntCounter; ShardEnd::ALL.len()],
}

/// What one operator adds to a gauge of its lane, until it is dropped.
#[derive(Debug)]
pub struct Share {
    gauge: IntGauge,
    own: i64,
}

impl Share {
    pub fn set(&mut self, own: u64) {
        let own = i64::try_from(own).unwrap_or(i64::MAX);
        if own != self.own {
            self.gauge.add(own - self.own);
            self.own = own;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.gauge.sub(self.own);
    }
}

impl LaneMeter {
    /// For the weight of what one worker may load at once.
    pub fn load_weight(&self) -> Share {
        Share { gauge: self.load_weight.clone(), own: 0 }
    }

    /// The scan has left the stage, and is in the next one.
    pub fn lap(&self, stage: Stage, ticket: &mut Ticket, now: UnixTime) {
        self.stages[stage as usize].observe(now.since(ticket.since).as_secs_f64());
        self.ages[stage as usize].observe(now.since(ticket.emitted_at).as_secs_f64());
        ticket.since = now;
    }

    pub fn shard_ended(&self, end: ShardEnd) {
        self.shards[end as usize].inc();
    }

    pub fn ended(&self, end: End) {
        self.ends[end as usize].inc();
    }
}

pub(super) struct LaneFamilies {
    stages: HistogramVec,
    ages: HistogramVec,
    ends: IntCounterVec,
    load_retrying: IntGaugeVec,
    load_failures: IntCounterVec,
    sink_retrying: IntGaugeVec,
    sink_failures: IntCounterVec,
    check_panics: IntCounterVec,
    load_weight: IntGaugeVec,
    shards: IntCounterVec,
    tries: PerLane<OnceLock<[Tries; 2]>>,
}

impl LaneFamilies {
    pub(super) fn register(registry: &Registry) -> LaneFamilies {
        LaneFamilies {
            stages: histograms(
                registry,
                "scanflow_stage_seconds",
                "Time of scans in each stage; the stages of a scan sum up to its duration.",
                &["lane", "stage"],
            ),
            ages: histograms(
                registry,
                "scanflow_event_age_seconds",
                "Age of scan events when they leave each stage, counted from emitted.",
                &["lane", "stage"],
            ),
            ends: counters(
                registry,
                "scanflow_scans_total",
                "Scans that ended, by how.",
                &["lane", "outcome"],
            ),
            load_retrying: levels(
                registry,
                "scanflow_load_retrying",
                "Queries for snapshots that failed and are being tried again.",
                &["lane"],
            ),
            load_failures: counters(
                registry,
                "scanflow_load_failures_total",
                "Queries for snapshots that failed; each is tried again.",
                &["lane"],
            ),
            sink_retrying: levels(
                registry,
                "scanflow_sink_retrying",
                "Flushes that failed and are being tried again.",
                &["lane"],
            ),
            sink_failures: counters(
                registry,
                "scanflow_sink_failures_total",
                "Flushes that failed; each is tried again.",
                &["lane"],
            ),
            check_panics: counters(
                registry,
                "scanflow_check_panics_total",
                "Checks that panicked on an asset, which is unknown for them then.",
                &["lane"],
            ),
            load_weight: levels(
                registry,
                "scanflow_load_weight_max",
                "Weight of the snapshots that may be loaded at once: lower while loads take longer.",
                &["lane"],
            ),
            shards: counters(
                registry,
                "scanflow_shards_total",
                "Shards of zones in the slow lane, by what became of them.",
                &["outcome"],
            ),
            tries: PerLane::default(),
        }
    }

    pub(super) fn of(&self, lane: Lane, clock: Clock) -> LaneMeter {
        let name = lane.name();
        let tries = |what, retrying: &IntGaugeVec, failures: &IntCounterVec| {
            let retrying = retrying.with_label_values(&[name]);
            Tries::new(what, lane, clock.clone(), retrying, failures.with_label_values(&[name]))
        };
        // All workers of the lane say an outage once.
        let [loads, flushes] = self.tries[lane].get_or_init(|| {
            [
                tries("loads", &self.load_retrying, &self.load_failures),
                tries("flushes", &self.sink_retrying, &self.sink_failures),
            ]
        });
        LaneMeter {
            lane,
            loads: loads.clone(),
            flushes: flushes.clone(),
            clock,
            check_panics: self.check_panics.with_label_values(&[name]),
            stages: Stage::ALL.map(|stage| self.stage(lane, stage)),
            ages: Stage::ALL.map(|stage| self.age(lane, stage)),
            shards: ShardEnd::ALL.map(|end| self.shards.with_label_values(&[end.name()])),
            load_weight: self.load_weight.with_label_values(&[name]),
            ends: End::ALL.map(|end| self.ends.with_label_values(&[name, end.name()])),
        }
    }

    pub(super) fn stage(&self, lane: Lane, stage: Stage) -> Histogram {
        self.stages.with_label_values(&[lane.name(), stage.name()])
    }

    pub(super) fn age(&self, lane: Lane, stage: Stage) -> Histogram {
        self.ages.with_label_values(&[lane.name(), stage.name()])
    }
}

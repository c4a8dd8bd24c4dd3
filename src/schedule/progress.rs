//! What a dispatcher has seen so far, and where it stands.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Backlog, LaneSplit, PlanProgress};
use crate::model::{AssetId, Lane, PerLane, UnixTime};

/// A longer latency counts as this.
const HOUR_US: u64 = 3_600_000_000;

/// What a dispatcher has seen so far.
#[derive(Clone, Debug)]
pub struct Stats {
    pub emitted: u64,
    /// Of those: their promise was over.
    pub late: u64,
    /// The greatest part of a promise that was over when its scan went out.
    pub over_promise_max: f64,
    pub returned: PerLane<u64>,
    /// From emitted to durable, in microseconds.
    pub latency_us: Histogram<u64>,
    /// Each of them, if [that was asked for](super::Dispatcher::keep_each).
    pub each: Option<Vec<Durable>>,
}

/// A scan that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    pub asset: AssetId,
    pub lane: Lane,
    /// Since when it might have gone out; of what was never scanned, and of requests, since it did.
    pub due_at: UnixTime,
    pub emitted_at: UnixTime,
    pub durable_at: UnixTime,
    pub predicted: Duration,
    /// None: not every check was asked, or nobody measured.
    pub measured: Option<Duration>,
}

/// How a run goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub assets: usize,
    /// By name.
    pub plans: Vec<PlanProgress>,
    pub backlog: Backlog,
    /// Scans that are out.
    pub out: PerLane<u64>,
    pub returned: PerLane<u64>,
    /// None: credits alone hold back.
    pub per_second_max: Option<f64>,
    /// The part of the rate that sinks and lanes can take, 1 for all of it.
    pub throttle: f64,
    /// Until every asset was scanned once, as fast as that goes now; None: it does not get on, or that is
    /// not known.
    pub covered_in: Option<Duration>,
    /// Nothing goes out but what is asked for.
    pub is_paused: bool,
    /// Scans that somebody asks for and that have not begun.
    pub requests: usize,
    pub lanes: LaneSplit,
}

/// A scan whose ticket came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Released {
    /// Since it was emitted.
    pub took: Duration,
    /// What was predicted of the time of operators, and what it was; none if nobody measured.
    pub predicted: Duration,
    pub measured: Option<Duration>,
    /// The lane that it had better have taken.
    pub better_lane: Option<Lane>,
}

impl Default for Stats {
    fn default() -> Stats {
        let latency_us = Histogram::new_with_bounds(1, HOUR_US, 3).expect("valid bounds");
        Stats {
            emitted: 0,
            late: 0,
            over_promise_max: 0.0,
            returned: PerLane::default(),
            latency_us,
            each: None,
        }
    }
}

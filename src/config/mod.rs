//! The settings, gathered; checked once, before anything starts.
//!
//! Each section of `scanflow.toml` is a struct here or beside the code that it is for. To add a key:
//! a field with its documentation and default, a line in `scanflow.toml` (a test compares them), and
//! what makes no sense in `check`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use humantime_serde::Serde;
use serde::{Deserialize, Serialize};

use crate::checks::Policy;
use crate::lanes::{Lanes, Threshold};
use crate::model::PerLane;
use crate::operators::{LoadLimits, WriteLimits};
use crate::schedule::{Cadences, Rate};
use crate::store::postgres::{Lease, Pooler};

mod admin;
mod job;
mod limits;
mod reload;
mod retention;
mod sink;
mod sources;
mod values;

pub use admin::AdminConfig;
pub use job::{Impossible, JobConfig, LaneConfig};
pub use limits::LimitsConfig;
pub use retention::RetentionConfig;
pub use sink::SinkConfig;
pub use sources::{ConfigError, Flag, Sources};
pub use values::Secret;

/// Everything that can be told, by section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub database: DatabaseConfig,
    pub limits: LimitsConfig,
    pub cadence: CadenceConfig,
    pub schedule: ScheduleConfig,
    pub lanes: LanesConfig,
    pub sink: SinkConfig,
    pub checks: Policy,
    pub retention: RetentionConfig,
    pub run: RunConfig,
    pub admin: AdminConfig,
    pub log: LogConfig,
}

/// Which Postgres. Without a URL: one of our own in the state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/name` or `host=.. user=..`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds nothing but the URL, such as a mounted secret. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Whether statements may rely on a session of their own. Default: auto.
    pub pooler: Pooler,
}

/// Plans by name, each with the longest time between two scans of an asset. Any name may be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CadenceConfig(BTreeMap<String, Serde<Duration>>);

/// How fast due scans go out, and who leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// `"auto"`, `"max"` or scans a second. Default: auto.
    #[serde(with = "values::rate")]
    pub rate: Rate,
    /// Auto is this times what the cadences need. Default: 1.2.
    pub buffer: f64,
    /// In which time assets that were never scanned shall be, evenly. Default: auto, which is behind all
    /// that is due, as fast as credits, limits and load allow.
    #[serde(with = "values::length_or_auto")]
    pub first_within: Option<Duration>,
    /// Scans a second that are asked for, beside those. Default: 50.
    pub requests_per_second: f64,
    /// How long the lease of a dead scheduler holds up the next one. Default: 10 s.
    #[serde(with = "humantime_serde")]
    pub lease_ttl: Duration,
    /// From further away than this, there and back, nobody begins to lead; off: from anywhere.
    /// Default: 100 ms.
    #[serde(with = "values::length_or_off")]
    pub lead_rtt_max: Option<Duration>,
}

/// Which scans are slow, and the limits of each lane.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanesConfig {
    /// A scan that is predicted to take longer goes to the slow lane; auto: so that this has its share of
    /// all work. Default: 10.
    #[serde(with = "values::threshold")]
    pub slow_predicted_ms_min: Threshold,
    /// The share of a worker's time that slow work gets while the fast lane has work, and, with auto, of the
    /// total work that the slow lane carries. Default: 0.5.
    pub slow_share: f64,
    /// A zone with more records is judged in shards of about so many. Default: 10,000.
    pub shard_records: usize,
    pub fast: LaneLimits,
    pub slow: LaneLimits,
}

/// The limits of one lane; the defaults are those of fast and slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneLimits {
    /// Weight of the scans between source and sink. At least rate x (4 round trips + flush age).
    /// Default: 16,384 and 1,024.
    pub credits: u32,
    /// Assets of one query. Default: 256 and 1.
    pub load_assets_max: usize,
    /// Weight of all queries of a worker that fly. Default: 2,048 and 512.
    pub load_weight_max: u32,
    /// Outcomes of one flush. Default: 2,048 and 64.
    pub write_outcomes_max: usize,
    /// Findings of one flush, which may exceed it by one outcome. Default: 8 MiB.
    #[serde(with = "values::bytes")]
    pub write_bytes_max: u64,
    /// Flushes of a worker at a time. Default: 2.
    pub write_flights_max: usize,
    /// A flush beside another one waits for the end of its epoch, but not longer than this; off: for
    /// nothing. Default: 100 ms and off.
    #[serde(with = "values::length_or_off")]
    pub group_commit_age_max: Option<Duration>,
}

/// The process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Threads that judge. Default: 2.
    pub workers: usize,
    /// Width of an epoch. Default: 50 ms.
    #[serde(with = "humantime_serde")]
    pub epoch: Duration,
    /// How long a drain waits for what is out before it drops it. Default: 25 s, below the 30 s
    /// after which most supervisors kill.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    /// A control frontier that stands so long means a dead peer, and ends the process. Default: 30 s.
    #[serde(with = "humantime_serde")]
    pub heartbeat_timeout: Duration,
}

/// What is said on stderr.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Default: text.
    pub format: LogFormat,
    /// Default: info.
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    /// One object a line.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// Measured: the median latency of other operators is about one slice, and 1 ms costs no throughput.
const SLICE: Duration = Duration::from_millis(1);

impl Default for CadenceConfig {
    /// That of [`Cadences`].
    fn default() -> CadenceConfig {
        let cadences = Cadences::default();
        let plans = cadences.iter().map(|(plan, cadence)| (plan.to_owned(), cadence.into()));
        CadenceConfig(plans.collect())
    }
}

impl Default for ScheduleConfig {
    fn default() -> ScheduleConfig {
        ScheduleConfig {
            rate: Rate::Auto,
            buffer: 1.2,
            first_within: None,
            requests_per_second: 50.0,
            lease_ttl: Duration::from_secs(10),
            lead_rtt_max: Some(Duration::from_millis(100)),
        }
    }
}

impl Default for LanesConfig {
    fn default() -> LanesConfig {
        LanesConfig {
            slow_predicted_ms_min: Lanes::default().slow_predicted_ms_min,
            slow_share: Lanes::default().slow_share,
            shard_records: 10_000,
            fast: LaneLimits::default(),
            slow: LaneLimits {
                credits: 1_024,
                // Beside the fast lane it is one a query.
                load_assets_max: 16,
                load_weight_max: 512,
                write_outcomes_max: 64,
                group_commit_age_max: None,
                ..LaneLimits::default()
            },
        }
    }
}

impl Default for LaneLimits {
    /// Those of the fast lane.
    fn default() -> LaneLimits {
        LaneLimits {
            credits: 16_384,
            load_assets_max: 256,
            load_weight_max: 2_048,
            write_outcomes_max: 2_048,
            write_bytes_max: 8 << 20,
            write_flights_max: 2,
            group_commit_age_max: Some(Duration::from_millis(100)),
        }
    }
}

impl Default for RunConfig {
    fn default() -> RunConfig {
        RunConfig {
            workers: 2,
            epoch: Duration::from_millis(50),
            shutdown_grace: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Names the first value that would make no sense at run time.
    pub fn check(&self) -> Result<(), Impossible> {
        let impossible = |key: &str, problem| Err(Impossible::new(key, problem));
        self.limits.check()?;
        if self.database.url.as_ref().is_some_and(|url| url.reveal().trim().is_empty()) {
            return impossible("database.url", "is empty: leave it out for a private database");
        }
        let is_url = |path: &PathBuf| path.to_string_lossy().contains("://");
        if self.database.url_file.as_ref().is_some_and(is_url) {
            return impossible("database.url_file", "is the path of a file, not a URL");
        }
        for (plan, cadence) in &self.cadence.0 {
            if cadence.is_zero() {
                return impossible(&format!("cadence.{plan}"), "must be longer than zero");
            }
        }
        if let Rate::PerSecond(rate) = self.schedule.rate
            && !(rate.is_finite() && 0.0 < rate)
        {
            return impossible("schedule.rate", "must be more than 0");
        }
        if !(self.schedule.buffer.is_finite() && 1.0 <= self.schedule.buffer) {
            return impossible("schedule.buffer", "must be at least 1");
        }
        if self.schedule.first_within.is_some_and(|within| within.is_zero()) {
            return impossible("schedule.first_within", "must be longer than zero, or auto");
        }
        let requests_per_second = self.schedule.requests_per_second;
        if !(requests_per_second.is_finite() && 0.0 < requests_per_second) {
            return impossible("schedule.requests_per_second", "must be more than 0");
        }
        if !(Duration::from_secs(1)..=Lease::TTL_MAX).contains(&self.schedule.lease_ttl) {
            return impossible("schedule.lease_ttl", "must be between 1s and 5m");
        }
        if self.schedule.lead_rtt_max.is_some_and(|max| max.is_zero()) {
            return impossible("schedule.lead_rtt_max", "must be longer than zero");
        }
        if !(0.0 < self.lanes.slow_share && self.lanes.slow_share < 1.0) {
            return impossible("lanes.slow_share", "must be more than 0 and less than 1");
        }
        for (index, exception) in self.checks.exceptions.iter().enumerate() {
            let key = format!("checks.for[{index}]");
            if exception.plan.is_none() && exception.account.is_none() {
                return impossible(
                    &key,
                    "needs plan or account: what holds for all stands in checks",
                );
            }
            if !exception.disable.is_disjoint(&exception.enable) {
                return impossible(&key, "disables and enables the same check");
            }
        }
        self.retention.check()?;
        if self.run.workers == 0 {
            return impossible("run.workers", "must be at least 1");
        }
        self.job().check()
    }

    /// The part that the graphs need.
    pub fn job(&self) -> JobConfig {
        JobConfig {
            lanes: self.lanes.lanes(),
            lane: PerLane { fast: self.lanes.fast.lane(), slow: self.lanes.slow.lane() },
            shard_records: self.lanes.shard_records,
            slice: SLICE,
            epoch: self.run.epoch,
            shutdown_grace: self.run.shutdown_grace,
            heartbeat_timeout: self.run.heartbeat_timeout,
        }
    }

    /// The cadence of every plan.
    pub fn cadences(&self) -> Cadences {
        Cadences::with(self.cadence.0.iter().map(|(plan, cadence)| (plan.clone(), **cadence)))
    }
}

impl LanesConfig {
    /// What decides about the lane of a scan.
    pub fn lanes(&self) -> Lanes {
        let LanesConfig { slow_predicted_ms_min, slow_share, .. } = *self;
        Lanes { slow_predicted_ms_min, slow_share }
    }
}

impl LaneLimits {
    fn lane(&self) -> LaneConfig {
        LaneConfig {
            credits: self.credits,
            load: LoadLimits { assets_max: self.load_assets_max, weight_max: self.load_weight_max },
            write: WriteLimits {
                outcomes_max: self.write_outcomes_max,
                bytes_max: self.write_bytes_max,
                flights_max: self.write_flights_max,
                group_commit_age_max: self.group_commit_age_max,
            },
        }
    }
}

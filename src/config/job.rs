//! The part of the settings that the graphs need.

use std::time::Duration;

use crate::lanes::Lanes;
use crate::model::PerLane;
use crate::operators::{LoadLimits, WriteLimits};

/// What a job is told. A field's default stands at the key that it comes from.
#[derive(Clone, Debug)]
pub struct JobConfig {
    pub lanes: Lanes,
    pub lane: PerLane<LaneConfig>,
    /// A zone with more records is judged in shards of about so many.
    pub shard_records: usize,
    /// After so long of judging the other operators of a worker get a turn.
    pub slice: Duration,
    /// Width of an epoch.
    pub epoch: Duration,
    /// How long a drain waits for what is out before it drops it.
    pub shutdown_grace: Duration,
    /// A control frontier that stands so long means a dead peer, and ends the process.
    pub heartbeat_timeout: Duration,
}

/// The limits of one lane. Everything that waits in it is bounded by its credits.
#[derive(Clone, Copy, Debug)]
pub struct LaneConfig {
    /// Weight of the scans between source and sink.
    pub credits: u32,
    pub load: LoadLimits,
    pub write: WriteLimits,
}

/// A setting that would make no sense at run time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct Impossible {
    /// With dots, as `lanes.slow.credits`.
    pub key: String,
    pub problem: &'static str,
}

impl Impossible {
    pub(super) fn new(key: impl Into<String>, problem: &'static str) -> Impossible {
        Impossible { key: key.into(), problem }
    }
}

impl Default for JobConfig {
    /// That of [`super::Config`].
    fn default() -> JobConfig {
        super::Config::default().job()
    }
}

impl JobConfig {
    pub fn check(&self) -> Result<(), Impossible> {
        for (key, length) in
            [("run.epoch", self.epoch), ("run.heartbeat_timeout", self.heartbeat_timeout)]
        {
            if length.is_zero() {
                return Err(Impossible::new(key, "must be longer than zero"));
            }
        }
        if self.shard_records == 0 {
            return Err(Impossible::new("lanes.shard_records", "must be at least 1"));
        }
        for (lane, LaneConfig { credits, load, write }) in
            [("fast", &self.lane.fast), ("slow", &self.lane.slow)]
        {
            for (name, is_zero) in [
                ("credits", *credits == 0),
                ("load_assets_max", load.assets_max == 0),
                ("load_weight_max", load.weight_max == 0),
                ("write_outcomes_max", write.outcomes_max == 0),
                ("write_bytes_max", write.bytes_max == 0),
                ("write_flights_max", write.flights_max == 0),
            ] {
                if is_zero {
                    let key = format!("lanes.{lane}.{name}");
                    return Err(Impossible::new(key, "must be at least 1"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_a_zero_is_named() {
        let mut config = JobConfig::default();
        assert_eq!(config.check(), Ok(()));
        config.lane.slow.credits = 0;
        let impossible = config.check().expect_err("no credits");
        assert_eq!(impossible.to_string(), "lanes.slow.credits must be at least 1");
    }
}

//! The arms of `lanes hol`, from what the job does back to the story's start, and their settings.

use std::time::Duration;

use clap::ValueEnum;
use scanflow::config::JobConfig;
use scanflow::lanes::{Lanes, Threshold};
use serde::Serialize;

/// Longer than anything that is predicted, or judged in one piece.
const HOUR: Duration = Duration::from_secs(3_600);
const HOUR_MS: u64 = 3_600_000;

/// An arm ends whatever is out.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Arm {
    /// One giant that was never scanned, and nothing else is due.
    GiantAlone,
    /// The small zones alone.
    Idle,
    /// As the job runs by default.
    Lanes,
    /// Slow work runs on until there is none.
    LanesNoFuel,
    /// One lane, in batches.
    Batches,
    /// One lane, one scan at a time.
    Serial,
}

impl Arm {
    pub(super) fn config(self) -> JobConfig {
        let config = JobConfig { shutdown_grace: GRACE, ..JobConfig::default() };
        match self {
            Arm::GiantAlone | Arm::Idle | Arm::Lanes => config,
            Arm::LanesNoFuel => {
                let lanes = Lanes { slow_share: 1.0, ..config.lanes };
                JobConfig { slice: HOUR, lanes, ..config }
            }
            Arm::Batches => one_lane(config),
            Arm::Serial => {
                let mut config = one_lane(config);
                let lane = &mut config.lane.fast;
                (lane.credits, lane.load.assets_max) = (1, 1);
                (lane.write.outcomes_max, lane.write.flights_max) = (1, 1);
                // Nothing else comes meanwhile.
                lane.write.group_commit_age_max = None;
                config
            }
        }
    }

    pub(super) fn has_lanes(self) -> bool {
        !matches!(self, Arm::Batches | Arm::Serial)
    }

    /// Of so many giants those that are due.
    pub(super) fn giants(self, giants: u32) -> u32 {
        match self {
            Arm::GiantAlone => 1,
            Arm::Idle => 0,
            Arm::Lanes | Arm::LanesNoFuel | Arm::Batches | Arm::Serial => giants,
        }
    }
}

/// Everything goes through the fast lane.
pub(super) fn one_lane(mut config: JobConfig) -> JobConfig {
    config.lanes.slow_predicted_ms_min = Threshold::Millis(HOUR_MS);
    config
}

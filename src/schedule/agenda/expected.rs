//! What is to be expected of a fleet, before anything is scanned.

use std::time::Duration;

use super::Agenda;
use crate::model::PerLane;

/// What the scans of one lane ask for in the long run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LaneExpected {
    pub assets: u64,
    pub scans_per_second: f64,
    /// Predicted time of scans a second of time: at 1 one worker does nothing else.
    pub busy: f64,
}

/// What a fleet asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expectation {
    pub lanes: PerLane<LaneExpected>,
    pub never_scanned: u64,
    /// Predicted for the scans of those, one after the other.
    pub first_scans: Duration,
}

impl Agenda {
    /// Looks at every asset.
    pub fn expectation(&self) -> Expectation {
        let mut expected = Expectation::default();
        for asset in self.assets.listed() {
            let cost = asset.predict(&self.model);
            let per_second = 1.0 / self.plans.terms(asset.flow().plan).cadence().as_secs_f64();
            let lane = &mut expected.lanes[asset.lane()];
            lane.assets += 1;
            lane.scans_per_second += per_second;
            lane.busy += per_second * cost.time.as_secs_f64();
            if asset.stamp().is_none() {
                expected.never_scanned += 1;
                expected.first_scans += cost.time;
            }
        }
        expected
    }
}

//! What scans were predicted to cost, what they did, and how the lanes are parted by that.

use prometheus::{Counter, GaugeVec, IntCounter, IntCounterVec, Registry};

use super::{counters, gauges, seconds};
use crate::model::{Lane, PerLane};
use crate::schedule::{LaneSplit, Progress, Released};

/// What a source tells of scans that came back.
#[derive(Clone, Debug)]
pub(super) struct CostMeter {
    /// By the lane that was taken: the other one had been better.
    misrouted: PerLane<IntCounter>,
    predicted: PerLane<Counter>,
    measured: PerLane<Counter>,
    error: PerLane<Counter>,
}

impl CostMeter {
    pub(super) fn register(registry: &Registry) -> CostMeter {
        let help = "Scans whose cost belonged into another lane than the one they took.";
        let labels = ["from", "to"];
        let misrouted: IntCounterVec =
            counters(registry, "scanflow_lane_misrouted_total", help, &labels);
        let of = |lane: Lane| {
            let to = if lane == Lane::Fast { Lane::Slow } else { Lane::Fast };
            misrouted.with_label_values(&[lane.name(), to.name()])
        };
        let by_lane = |name, help| {
            let family = seconds(registry, name, help, &["lane"]);
            PerLane::from_fn(|lane| family.with_label_values(&[lane.name()]))
        };
        CostMeter {
            misrouted: PerLane::from_fn(of),
            predicted: by_lane(
                "scanflow_cost_predicted_seconds_total",
                "Predicted cost of the scans of all checks that came back.",
            ),
            measured: by_lane(
                "scanflow_cost_measured_seconds_total",
                "Measured cost of the scans of all checks that came back.",
            ),
            error: by_lane(
                "scanflow_cost_error_seconds_total",
                "By how much the two differ, whichever is more, scan by scan.",
            ),
        }
    }

    pub(super) fn released(&self, lane: Lane, released: &Released) {
        let Some(measured) = released.measured else { return };
        if released.better_lane.is_some() {
            self.misrouted[lane].inc();
        }
        self.predicted[lane].inc_by(released.predicted.as_secs_f64());
        self.measured[lane].inc_by(measured.as_secs_f64());
        self.error[lane].inc_by(measured.abs_diff(released.predicted).as_secs_f64());
    }
}

/// What the scheduler expects.
pub(super) struct CostGauges {
    threshold: GaugeVec,
    assets: GaugeVec,
    work: GaugeVec,
    scan: GaugeVec,
    record: GaugeVec,
}

impl CostGauges {
    pub(super) fn register(registry: &Registry) -> CostGauges {
        let of = |name, help| gauges(registry, name, help, &[]);
        let by_lane = |name, help| gauges(registry, name, help, &["lane"]);
        CostGauges {
            threshold: of(
                "scanflow_lane_threshold_seconds",
                "A scan that is predicted to cost more goes to the slow lane.",
            ),
            assets: by_lane("scanflow_lane_assets", "Accounts and zones, by their lane."),
            work: by_lane(
                "scanflow_lane_work_ratio",
                "Part of the predicted cost of all scans that the cadences need, by lane.",
            ),
            scan: of(
                "scanflow_cost_scan_seconds",
                "Learned: cost of a scan that was never measured, without its records.",
            ),
            record: of(
                "scanflow_cost_record_seconds",
                "Learned: cost of each record of a scan that was never measured.",
            ),
        }
    }

    pub(super) fn set(&self, progress: Option<&Progress>) {
        for family in [&self.threshold, &self.assets, &self.work, &self.scan, &self.record] {
            family.reset();
        }
        let Some(Progress { lanes, .. }) = progress else { return };
        let LaneSplit { threshold, assets, work, coefficients } = lanes;
        let values = [
            (&self.threshold, threshold.as_secs_f64()),
            (&self.scan, coefficients.scan_us / 1e6),
            (&self.record, coefficients.record_us / 1e6),
        ];
        for (family, value) in values {
            family.with_label_values::<&str>(&[]).set(value);
        }
        for lane in Lane::ALL {
            self.assets.with_label_values(&[lane.name()]).set(assets[lane] as f64);
            self.work.with_label_values(&[lane.name()]).set(work[lane]);
        }
    }
}

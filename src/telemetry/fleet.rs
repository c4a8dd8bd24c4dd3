//! How fresh the fleet is, computed when somebody asks: a gauge that is set by scans would stand
//! still with them.

use prometheus::{GaugeVec, Registry};

use super::gauges;
use super::source::Actual;
use crate::model::{Lane, UnixTime};
use crate::schedule::{PlanProgress, Progress};

/// Names of plans come from imports: of more, the smallest count together as [`REST`].
const PLANS_MAX: usize = 50;
const REST: &str = "_other";

pub(super) struct FleetGauges {
    assets: GaugeVec,
    never_scanned: GaugeVec,
    overdue: GaugeVec,
    inside: GaugeVec,
    oldest_age: GaugeVec,
    cadence: GaugeVec,
    inflight: GaugeVec,
    rate_target: GaugeVec,
    rate_actual: GaugeVec,
    rate_week: GaugeVec,
    throttle: GaugeVec,
    covered_in: GaugeVec,
    paused: GaugeVec,
    requests: GaugeVec,
}

impl FleetGauges {
    pub(super) fn register(registry: &Registry) -> FleetGauges {
        let by_plan = |name, help| gauges(registry, name, help, &["plan"]);
        FleetGauges {
            assets: by_plan("scanflow_assets", "Accounts and zones that are watched."),
            never_scanned: by_plan(
                "scanflow_assets_never_scanned",
                "Accounts and zones that were never scanned.",
            ),
            overdue: by_plan(
                "scanflow_assets_overdue",
                "Accounts and zones whose last scan is longer ago than the cadence.",
            ),
            inside: by_plan(
                "scanflow_assets_inside_cadence_ratio",
                "Part of the accounts and zones that were scanned within the cadence.",
            ),
            oldest_age: by_plan(
                "scanflow_oldest_scan_age_seconds",
                "Since the last scan of the account or zone that was scanned longest ago.",
            ),
            cadence: by_plan(
                "scanflow_cadence_seconds",
                "The longest time that is promised between two scans.",
            ),
            inflight: gauges(registry, "scanflow_inflight", "Scans that are under way.", &["lane"]),
            rate_target: gauges(
                registry,
                "scanflow_schedule_rate_target",
                "Scans a second that go out at most; missing if credits alone hold back.",
                &[],
            ),
            rate_actual: gauges(
                registry,
                "scanflow_schedule_rate_actual",
                "Scans a second that went out in the last 10 seconds.",
                &[],
            ),
            rate_week: gauges(
                registry,
                "scanflow_schedule_rate_7d",
                "Scans a second that went out in the last 7 days, or since the start.",
                &[],
            ),
            throttle: gauges(
                registry,
                "scanflow_schedule_throttle_ratio",
                "Part of the rate that sinks and lanes can take.",
                &[],
            ),
            covered_in: gauges(
                registry,
                "scanflow_full_coverage_seconds",
                "Until every account and zone was scanned once, as fast as that goes now.",
                &[],
            ),
            paused: gauges(
                registry,
                "scanflow_schedule_paused",
                "1 if nothing goes out but what is asked for.",
                &[],
            ),
            requests: gauges(
                registry,
                "scanflow_requests_waiting",
                "Scans that somebody asks for and that have not begun.",
                &[],
            ),
        }
    }

    pub(super) fn set(&self, progress: Option<&Progress>, actual: Actual, now: UnixTime) {
        for family in [
            &self.assets,
            &self.never_scanned,
            &self.overdue,
            &self.oldest_age,
            &self.cadence,
            &self.rate_target,
            &self.rate_actual,
            &self.rate_week,
            &self.throttle,
            &self.covered_in,
            &self.paused,
            &self.requests,
            &self.inside,
        ] {
            family.reset();
        }
        let covered_in = progress.and_then(|progress| progress.covered_in);
        let rates = [
            (&self.rate_target, progress.and_then(|progress| progress.per_second_max)),
            (&self.rate_actual, actual.per_second),
            (&self.rate_week, actual.per_second_week),
            (&self.throttle, progress.map(|progress| progress.throttle)),
            (&self.covered_in, covered_in.map(|left| left.as_secs_f64())),
            (&self.paused, progress.map(|progress| f64::from(u8::from(progress.is_paused)))),
            (&self.requests, progress.map(|progress| progress.requests as f64)),
        ];
        for (family, rate) in rates {
            if let Some(rate) = rate {
                family.with_label_values::<&str>(&[]).set(rate);
            }
        }
        let Some(progress) = progress else { return };
        for lane in Lane::ALL {
            self.inflight.with_label_values(&[lane.name()]).set(progress.out[lane] as f64);
        }
        for (name, plan) in bounded(&progress.plans) {
            self.assets.with_label_values(&[name]).set(plan.assets as f64);
            self.never_scanned.with_label_values(&[name]).set(plan.never_scanned as f64);
            self.overdue.with_label_values(&[name]).set(plan.overdue as f64);
            let inside = plan.assets - plan.never_scanned - plan.overdue;
            let ratio = inside as f64 / plan.assets.max(1) as f64;
            self.inside.with_label_values(&[name]).set(ratio);
            self.cadence.with_label_values(&[name]).set(plan.cadence.as_secs_f64());
            if let Some(oldest) = plan.oldest {
                let age = now.since(oldest).as_secs_f64();
                self.oldest_age.with_label_values(&[name]).set(age);
            }
        }
    }
}

/// At most [`PLANS_MAX`] plans, those with the most assets, and one for the rest.
fn bounded(plans: &[PlanProgress]) -> Vec<(&str, PlanProgress)> {
    let mut largest: Vec<&PlanProgress> = plans.iter().collect();
    largest.sort_by_key(|plan| std::cmp::Reverse(plan.assets));
    let rest = largest.split_off(PLANS_MAX.min(largest.len()));
    let mut bounded: Vec<(&str, PlanProgress)> =
        largest.into_iter().map(|plan| (plan.plan.as_str(), plan.clone())).collect();
    let sum = rest.into_iter().cloned().reduce(|sum, plan| PlanProgress {
        plan: sum.plan,
        cadence: sum.cadence.min(plan.cadence),
        assets: sum.assets + plan.assets,
        never_scanned: sum.never_scanned + plan.never_scanned,
        overdue: sum.overdue + plan.overdue,
        oldest: sum.oldest.into_iter().chain(plan.oldest).min(),
    });
    bounded.extend(sum.map(|sum| (REST, sum)));
    bounded
}

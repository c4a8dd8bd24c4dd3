//! `/status`: what `scanflow status --output json` prints, of what the job knows without reading the
//! fleet, and how the run goes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use scanflow::model::{Lane, PerLane, UnixTime};
use scanflow::schedule::{PlanProgress, Progress};
use scanflow::store::postgres::status::{Freshness, Status};
use scanflow::telemetry::Role;
use serde_json::{Map, Value, json};

use super::answer::object;
use super::{Admin, Watched};
use crate::status::json as status_json;

pub(super) async fn status(State(admin): State<Arc<Admin>>) -> Response {
    let watched = &admin.watched;
    let at = watched.clock.now();
    let progress = watched.telemetry.progress();
    let beside = admin.asked.beside(watched).await;
    let (leases, dead_letters) = beside.as_ref().clone().unwrap_or_default();
    let open = watched.telemetry.open_insights();
    let plans = progress.iter().flat_map(|progress| &progress.plans);
    let known = Status {
        at,
        plans: plans.map(|plan| freshness(plan, at)).collect(),
        open: open.clone().unwrap_or_default(),
        reviewed: Vec::new(),
        lanes: progress.as_ref().map(|progress| progress.lanes).unwrap_or_default(),
        last_completed_at: None,
        leases,
        dead_letters,
    };
    let pooler = watched.database.pooler();
    let mut status = status_json(&watched.config, &known, pooler);
    if let Value::Object(status) = &mut status {
        // What only the whole fleet could tell, and what nobody has told yet.
        let unknown = [
            ("lanes", progress.is_none()),
            ("last_completed_at", true),
            ("insights_unreviewed", true),
            ("insights_reviewed", true),
            ("insights_open", open.is_none()),
            ("leases", beside.is_none()),
            ("dead_letters", beside.is_none()),
        ];
        for (key, _) in unknown.iter().filter(|(_, is_unknown)| *is_unknown) {
            status.remove(*key);
        }
        status.insert("run".to_owned(), run(watched, progress.as_ref(), at));
    }
    object(&status)
}

fn freshness(plan: &PlanProgress, at: UnixTime) -> Freshness {
    let count = |assets: u64| i64::try_from(assets).unwrap_or(i64::MAX);
    Freshness {
        plan: plan.plan.clone(),
        cadence: plan.cadence,
        assets: count(plan.assets),
        scanned: count(plan.assets.saturating_sub(plan.never_scanned)),
        overdue: count(plan.overdue),
        oldest_age: plan.oldest.map(|oldest| at.since(oldest)),
    }
}

/// `progress` is null before the workers start, and `stands_by` unless it says why.
fn run(watched: &Watched, progress: Option<&Progress>, at: UnixTime) -> Value {
    let by_lane = |counts: PerLane<u64>| json!({ "fast": counts.fast, "slow": counts.slow });
    let stages = Lane::ALL.map(|lane| {
        let stages = watched.telemetry.stage_seconds(lane);
        let stages = stages.map(|(stage, seconds)| (stage.name().to_owned(), seconds.into()));
        (lane.name().to_owned(), Value::Object(stages.collect()))
    });
    let role = watched.telemetry.role();
    let stands_by = match &role {
        Role::StandsBy { why } => Some(why),
        Role::Starts | Role::Leads | Role::Ends => None,
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": at.since(watched.started_at).as_secs_f64(),
        "leads": role == Role::Leads,
        "stands_by": stands_by,
        "draining": watched.stop.is_requested(),
        "scans_per_second": watched.telemetry.emitted_per_second(at),
        "progress": progress.map(|progress| json!({
            "due": progress.backlog.due,
            "never_scanned": progress.backlog.never_scanned,
            "per_second_max": progress.per_second_max,
            "in_flight": by_lane(progress.out),
            "returned": by_lane(progress.returned),
            "cost_scan_us": progress.lanes.coefficients.scan_us,
            "cost_record_us": progress.lanes.coefficients.record_us,
        })),
        "stage_seconds": Map::from_iter(stages),
    })
}

//! `/livez`: whether a restart would help, because a worker stands still. Neither a database that is
//! away nor a scan of an hour is a reason.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Admin;
use super::answer::{Failing, verdict};

pub(super) async fn livez(State(admin): State<Arc<Admin>>) -> Response {
    let watched = &admin.watched;
    let silence_max = watched.config.run.heartbeat_timeout;
    let ages = watched.telemetry.pulse().ages(watched.clock.now());
    let stands = ages.into_iter().filter(|(_, age)| silence_max <= *age);
    let failing = stands.map(|(worker, age)| Failing {
        what: format!("worker {worker}"),
        why: format!("has stood still for {} s", age.as_secs()),
    });
    verdict(&failing.collect::<Vec<_>>())
}

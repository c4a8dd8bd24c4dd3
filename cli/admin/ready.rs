//! `/readyz`: whether the job can do its work. A backlog is no reason: a restart would add to it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use scanflow::store::postgres::readiness::NotReady;

use super::Admin;
use super::answer::{Failing, verdict};

pub(super) async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let mut failing = Vec::new();
    if admin.watched.stop.is_requested() {
        let (what, why) = ("job".to_owned(), "is draining".to_owned());
        failing.push(Failing { what, why });
    }
    if let Err(err) = &admin.asked.readiness(&admin.watched).await.ready {
        let what = match err {
            NotReady::Schema(_) => "schema",
            _ => "database",
        };
        failing.push(Failing { what: what.to_owned(), why: with_causes(err) });
    }
    verdict(&failing)
}

fn with_causes(err: &(dyn std::error::Error + 'static)) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        text += &format!(": {err}");
        cause = err.source();
    }
    text
}

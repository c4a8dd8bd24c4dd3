//! `/metrics`, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use scanflow::telemetry::CONTENT_TYPE;

use super::Admin;

pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    admin.asked.readiness(&admin.watched).await;
    let text = admin.watched.telemetry.render(admin.watched.clock.now());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

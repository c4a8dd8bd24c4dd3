//! What an endpoint answers.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// Something that is not as it has to be.
pub(super) struct Failing {
    pub(super) what: String,
    pub(super) why: String,
}

/// 200 if nothing fails, else 503; the body names what does.
pub(super) fn verdict(failing: &[Failing]) -> Response {
    let status = match failing {
        [] => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let failing: Vec<Value> =
        failing.iter().map(|failing| json!({ "what": failing.what, "why": failing.why })).collect();
    (status, object(&json!({ "ok": failing.is_empty(), "failing": failing }))).into_response()
}

/// One JSON object, on a line.
pub(super) fn object(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json + "\n").into_response(),
        Err(err) => (StatusCode::INTERNAL_SERVER_ERROR, err.to_string()).into_response(),
    }
}

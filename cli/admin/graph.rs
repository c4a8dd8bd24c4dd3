//! `/graph`: the dataflows that were built, as `scanflow graph --running` reads them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Admin;
use super::answer::{Failing, object, verdict};

pub(super) async fn graph(State(admin): State<Arc<Admin>>) -> Response {
    match admin.watched.shape.get() {
        Some(shape) => object(shape),
        None => verdict(&[Failing {
            what: "job".to_owned(),
            why: "has not built its dataflows yet".to_owned(),
        }]),
    }
}

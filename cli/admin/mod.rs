//! The port for those who watch a job: metrics, probes and status over HTTP.
//!
//! To add an endpoint: a file here with one function that takes the [`Watched`], and its line in
//! [`router`]. What is asked of the database is bounded in time and kept for a second, so that
//! whoever probes often harms neither it nor the job.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::UnixTime;
use scanflow::stop::Stop;
use scanflow::store::postgres::Database;
use scanflow::telemetry::Telemetry;
use scanflow_dataflows::Shape;
use tokio::net::TcpListener;

use self::database::Asked;
use crate::context::Context;

mod answer;
mod database;
mod graph;
mod live;
mod metrics;
mod ready;
mod status;

/// The key that says where to listen.
pub(crate) const KEY: &str = "admin.listen";

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{KEY}: could not listen on {address}; give another one, port 0 for any, or \"off\"")]
pub(crate) struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl ListenError {
    /// Whether somebody else listens there.
    pub(crate) fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// A job, as the endpoints see it.
#[derive(Clone)]
struct Watched {
    config: Config,
    clock: Clock,
    started_at: UnixTime,
    stop: Stop,
    telemetry: Telemetry,
    shape: Arc<OnceLock<Shape>>,
    /// For the endpoints alone.
    database: Database,
}

/// What every request is answered from.
struct Admin {
    watched: Watched,
    asked: Asked,
}

/// From here on requests wait; [`spawn`] has them answered.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| ListenError { address, source })
}

/// Serves a job until the runtime ends, also while it drains.
pub(crate) fn spawn(
    listener: TcpListener,
    context: &Context,
    database: Database,
    clock: &Clock,
    stop: &Stop,
    telemetry: &Telemetry,
    shape: &Arc<OnceLock<Shape>>,
) {
    let watched = Watched {
        config: context.config.clone(),
        clock: clock.clone(),
        started_at: clock.now(),
        stop: stop.clone(),
        telemetry: telemetry.clone(),
        shape: Arc::clone(shape),
        database,
    };
    tokio::spawn(serve(listener, watched));
}

async fn serve(listener: TcpListener, watched: Watched) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        tracing::warn!("{KEY} reaches beyond this machine, and the port asks nobody who they are");
    }
    axum::serve(listener, router(watched)).await
}

/// GET and HEAD; another method is 405, another path 404.
fn router(watched: Watched) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/livez", get(live::livez))
        .route("/healthz", get(live::livez)) // the name that older probes use
        .route("/readyz", get(ready::readyz))
        .route("/status", get(status::status))
        .route("/graph", get(graph::graph))
        .with_state(Arc::new(Admin { watched, asked: Asked::default() }))
}

#[cfg(test)]
mod tests;

//! Starts the server again when it has died under those who use it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::server::failure;
use super::{Cluster, ClusterError, Server, lock_file, settings, socket};

/// How often to look. A lease lives longer than this and a start together.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Between two starts of a server that does not stay.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What it takes to start the server where its users look for it.
#[derive(Clone, Debug)]
struct Watched {
    state_dir: PathBuf,
    server: Server,
    socket: PathBuf,
    has_left: Arc<AtomicBool>,
}

impl Cluster {
    /// Looks after the server for ever: one that was killed or stopped is started again, by one of
    /// the processes that use it. It says so in the log.
    pub async fn watch(&self) -> Infallible {
        let member = &self.member;
        let watched = Watched {
            state_dir: member.state_dir.clone(),
            server: member.server.clone(),
            socket: member.socket.clone(),
            has_left: Arc::clone(&member.has_left),
        };
        let mut pause = PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            if watched.server.is_running() {
                pause = (pause / 2).max(PAUSE_MIN);
                continue;
            }
            pause = (pause * 2).min(PAUSE_MAX);
            tracing::warn!("the private Postgres has ended: starting it again");
            let watched = watched.clone();
            let started = tokio::task::spawn_blocking(move || watched.start()).await;
            let started = started.map_err(|err| failure("its start", err.to_string()));
            if let Err(err) = started.flatten() {
                tracing::error!(
                    error = &err as &dyn std::error::Error,
                    "the private Postgres does not start: trying again in {} s",
                    pause.as_secs()
                );
            }
        }
    }
}

impl Watched {
    /// Unless somebody else was quicker, or this process has left meanwhile.
    fn start(&self) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::StateDir { path: self.state_dir.clone(), source };
        let starting = lock_file(&self.state_dir, "postgres.lock")?;
        starting.lock().map_err(failed)?;
        if self.has_left.load(Ordering::SeqCst) || self.server.is_running() {
            return Ok(());
        }
        self.server.forget_dead();
        socket::clear(&self.socket);
        self.server.start(&settings(&self.socket))
    }
}

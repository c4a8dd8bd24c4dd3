//! Statements whose answers nobody waits for any more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::runtime::Handle;
use tokio_postgres::NoTls;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a server that does not answer is asked.
const STOP_MAX: Duration = Duration::from_secs(10);

const UNSTOPPED: &str = "a statement that nobody waits for could not be stopped";

/// Stops them at the server, which would go on with them to their end.
pub(super) struct Abandoned {
    tls: Option<MakeRustlsConnect>,
}

impl fmt::Debug for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abandoned").field("is_encrypted", &self.tls.is_some()).finish()
    }
}

impl Abandoned {
    /// `tls` as connections to the server have it.
    pub(super) fn new(tls: Option<MakeRustlsConnect>) -> Abandoned {
        Abandoned { tls }
    }

    /// What runs on that connection, which is closed then.
    pub(super) fn stop(&self, client: ClientWrapper) {
        // Without a runtime the process ends, and its connections with it.
        let Ok(runtime) = Handle::try_current() else { return };
        let (connection, tls) = (client.cancel_token(), self.tls.clone());
        runtime.spawn(async move {
            let stopping = async {
                match tls {
                    None => connection.cancel_query(NoTls).await,
                    Some(tls) => connection.cancel_query(tls).await,
                }
            };
            match tokio::time::timeout(STOP_MAX, stopping).await {
                Ok(Ok(())) => {}
                Ok(Err(err)) => {
                    let error = &err as &dyn std::error::Error;
                    tracing::debug!(error, "{UNSTOPPED}");
                }
                Err(_elapsed) => tracing::debug!("{UNSTOPPED}: the server stands still"),
            }
            drop(client);
        });
    }
}

/// One statement that is counted as long as its answer is not there, and for good if it is given up.
#[derive(Debug)]
pub(super) struct Unanswered(Arc<AtomicU32>);

impl Unanswered {
    pub(super) fn of(count: &Arc<AtomicU32>) -> Unanswered {
        count.fetch_add(1, Ordering::Relaxed);
        Unanswered(Arc::clone(count))
    }

    /// The answer is there, to its end.
    pub(super) fn end(self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

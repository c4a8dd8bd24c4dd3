//! Statements whose answers nobody waits for any more.

use std::fmt;

use tokio::runtime::Handle;
use tokio_postgres::{CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

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

    /// What runs on that connection, which must not be used again: it may be stopped later than that.
    pub(super) fn stop(&self, connection: CancelToken) {
        // Without a runtime the process ends, and its connections with it.
        let Ok(runtime) = Handle::try_current() else { return };
        let tls = self.tls.clone();
        runtime.spawn(async move {
            let stopped = match tls {
                None => connection.cancel_query(NoTls).await,
                Some(tls) => connection.cancel_query(tls).await,
            };
            if let Err(err) = stopped {
                let error = &err as &dyn std::error::Error;
                tracing::debug!(error, "a statement that nobody waits for could not be stopped");
            }
        });
    }
}

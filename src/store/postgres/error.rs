//! What can go wrong with Postgres, and whether trying again helps. No variant holds a secret.

use std::io;
use std::time::Duration;

use deadpool_postgres::PoolError;

use super::fault::{self, Fault};
use super::tls::TlsError;
use super::url::UrlError;

/// Postgres cannot be used, or refused a statement.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the database URL is not valid")]
    Url(#[from] UrlError),
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    #[error("could not set up connections: {0}")]
    Pool(String),
    #[error("could not connect to {server}")]
    Connect {
        /// Database, hosts and ports.
        server: String,
        source: tokio_postgres::Error,
    },
    /// The server did not answer in time, or no connection became free.
    #[error("timed out connecting to {server}")]
    TimedOut { server: String },
    #[error("the database did not answer within {}", humantime::format_duration(*.within))]
    Silent { within: Duration },
    #[error("a statement took longer than {}", humantime::format_duration(*.max))]
    TookTooLong { max: Duration },
    #[error("the connection with the lock on the source was lost: another import may have begun")]
    ClaimLost,
    #[error("a statement failed")]
    Statement(#[from] tokio_postgres::Error),
    /// What is to be written lies in a file, which failed.
    #[error("a spool could not be read")]
    Spool(#[from] io::Error),
    #[error("{taken} rows were taken of {sent}")]
    Rows { sent: u64, taken: u64 },
}

impl DatabaseError {
    /// Who is at fault; see [`Fault`].
    pub fn fault(&self) -> Fault {
        match self {
            DatabaseError::Url(_)
            | DatabaseError::Tls(_)
            | DatabaseError::Pool(_)
            | DatabaseError::Rows { .. } => Fault::SetUp,
            DatabaseError::TimedOut { .. }
            | DatabaseError::Silent { .. }
            | DatabaseError::ClaimLost
            | DatabaseError::Spool(_) => Fault::Connection,
            // Nothing was sent yet that could be at fault.
            DatabaseError::Connect { source: err, .. } => match fault::of(err) {
                Fault::Connection | Fault::Statement => Fault::Connection,
                Fault::Values | Fault::SetUp => Fault::SetUp,
            },
            DatabaseError::TookTooLong { .. } => Fault::Statement,
            DatabaseError::Statement(err) => fault::of(err),
        }
    }

    /// Whether the same call may succeed later without anything being changed here.
    pub fn is_transient(&self) -> bool {
        matches!(self.fault(), Fault::Connection | Fault::Statement)
    }
}

impl DatabaseError {
    pub(super) fn connect(server: &str, err: PoolError) -> DatabaseError {
        let server = server.to_owned();
        match err {
            PoolError::Backend(source) => DatabaseError::Connect { server, source },
            PoolError::Timeout(_) => DatabaseError::TimedOut { server },
            other => DatabaseError::Pool(other.to_string()),
        }
    }
}

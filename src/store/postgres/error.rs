//! What can go wrong with Postgres, and whether trying again helps. No variant holds a secret.

use std::error::Error as _;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

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
    /// Whether the same call may succeed later without anything being changed here.
    pub fn is_transient(&self) -> bool {
        match self {
            DatabaseError::Url(_) | DatabaseError::Tls(_) | DatabaseError::Pool(_) => false,
            DatabaseError::TimedOut { .. } | DatabaseError::ClaimLost => true,
            DatabaseError::Spool(_) | DatabaseError::Rows { .. } => false,
            DatabaseError::Connect { source: err, .. } | DatabaseError::Statement(err) => {
                is_transient(err)
            }
        }
    }

    /// Whether the values of the statement are at fault; see [`blames_values`].
    pub fn blames_values(&self) -> bool {
        match self {
            DatabaseError::Statement(err) => blames_values(err),
            DatabaseError::Url(_)
            | DatabaseError::Tls(_)
            | DatabaseError::Pool(_)
            | DatabaseError::TimedOut { .. }
            | DatabaseError::ClaimLost
            | DatabaseError::Spool(_)
            | DatabaseError::Rows { .. }
            | DatabaseError::Connect { .. } => false,
        }
    }
}

/// Whether the same statement may succeed later: the connection was lost, or the server shuts down,
/// starts, lacks resources, serves a standby, or gave this transaction up for another one.
pub fn is_transient(err: &tokio_postgres::Error) -> bool {
    if let Some(state) = err.code() {
        return is_transient_state(state);
    }
    match err.source() {
        // Closed by the server, or a time-out.
        None => err.is_closed() || err.to_string().starts_with("timeout"),
        Some(cause) => cause.downcast_ref::<io::Error>().is_some_and(|err| {
            // A certificate that does not fit arrives as an error of I/O.
            !err.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
        }),
    }
}

fn is_transient_state(state: &SqlState) -> bool {
    let code = state.code();
    matches!(code, "40001" | "40P01" | "55P03" | "25006")
        || ["08", "53", "57P0"].iter().any(|class| code.starts_with(class))
}

/// Whether the values of the statement are at fault (classes 22 data exception, 23 constraint, 54
/// limit), so that the same statement with other values may succeed. Only then it is right to put
/// a value aside: a missing table or privilege is not the fault of what was to be written.
pub fn blames_values(err: &tokio_postgres::Error) -> bool {
    match err.code() {
        Some(state) => ["22", "23", "54"].iter().any(|class| state.code().starts_with(class)),
        None => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_try_may_cure_is_transient() {
        let of = |code: &str| is_transient_state(&SqlState::from_code(code));
        for code in
            ["08006", "53100", "53300", "57P01", "57P03", "40001", "40P01", "55P03", "25006"]
        {
            assert!(of(code), "{code}");
        }
        for code in ["22021", "23505", "28P01", "3D000", "42501", "42P01", "57014", "54000"] {
            assert!(!of(code), "{code}");
        }
    }
}

//! The system of record.

use std::fmt;

use deadpool_postgres::{Object, Pool};

pub use error::DatabaseError;
pub use grants::grants;
pub use url::DatabaseUrl;

pub mod cluster;
pub mod error;
pub mod export;
pub mod grants;
pub mod history;
pub mod import;
pub mod insights;
pub mod migrate;
pub mod readiness;
pub mod reviews;
pub mod status;
pub mod tls;
pub mod url;

mod connect;
mod fleet;
mod lease;
mod snapshots;

pub use fleet::{Mark, changes_since, follow, forget_changes, list};
pub use lease::{Lease, Lost, Taken, keep};

/// Connections to one Postgres. Cloned freely; all clones share them.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// What an error says about it.
    server: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("server", &self.server).finish_non_exhaustive()
    }
}

impl DatabaseError {
    /// What Postgres said, or the error itself.
    pub fn message(&self) -> String {
        match self {
            DatabaseError::Statement(err) => {
                err.as_db_error().map_or_else(|| err.to_string(), |err| err.message().to_owned())
            }
            other => other.to_string(),
        }
    }

    /// Empty if the error is not one of a statement.
    pub fn sqlstate(&self) -> String {
        let DatabaseError::Statement(err) = self else { return String::new() };
        err.code().map(|code| code.code().to_owned()).unwrap_or_default()
    }
}

impl Database {
    /// Connects lazily: an unreachable server shows at the first [`Database::client`].
    pub fn open(url: &str, connections_max: usize) -> Result<Database, DatabaseError> {
        Database::at(&DatabaseUrl::new(url), connections_max)
    }

    /// As [`Database::open`].
    pub fn at(url: &DatabaseUrl, connections_max: usize) -> Result<Database, DatabaseError> {
        let (pool, server) = connect::pool(url, connections_max)?;
        Ok(Database { pool, server })
    }

    /// A connection, given back when dropped. Statements are prepared once per connection with
    /// `prepare_cached`.
    pub async fn client(&self) -> Result<Object, DatabaseError> {
        let client = self.pool.get().await;
        client.map_err(|err| DatabaseError::connect(&self.server, err))
    }
}

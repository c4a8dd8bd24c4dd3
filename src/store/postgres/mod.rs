//! The system of record.

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::NoTls;

pub mod export;
pub mod import;
pub mod insights;
pub mod status;

mod fleet;
mod lease;
mod snapshots;

pub use fleet::{Mark, changes_since, follow, list};
pub use lease::{Lease, Lost, Taken, keep};

/// Connections to one Postgres. Cloned freely; all clones share them.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
}

/// Postgres cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the database URL is not valid: {0}")]
    Url(#[source] tokio_postgres::Error),
    #[error("could not set up connections: {0}")]
    Pool(String),
    #[error("could not get a connection")]
    Connect(#[from] deadpool_postgres::PoolError),
    #[error("a statement failed")]
    Statement(#[from] tokio_postgres::Error),
}

impl DatabaseError {
    /// Whether the same statement may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            DatabaseError::Statement(err) => err.code().is_none_or(|code| {
                matches!(code.code().get(..2), Some("08" | "40" | "53" | "55" | "57" | "58"))
            }),
            DatabaseError::Connect(_) => true,
            DatabaseError::Url(_) | DatabaseError::Pool(_) => false,
        }
    }

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
        let config: tokio_postgres::Config = url.parse().map_err(DatabaseError::Url)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, NoTls, recycling);
        let pool = Pool::builder(manager).max_size(connections_max).build();
        Ok(Database { pool: pool.map_err(|err| DatabaseError::Pool(err.to_string()))? })
    }

    /// A connection, given back when dropped. Statements are prepared once per connection with
    /// `prepare_cached`.
    pub async fn client(&self) -> Result<Object, DatabaseError> {
        Ok(self.pool.get().await?)
    }
}

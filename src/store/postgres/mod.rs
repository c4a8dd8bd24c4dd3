//! The system of record.

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::Pool;

use self::way::Way;
use crate::telemetry::PoolMeter;

pub use error::DatabaseError;
pub use fault::Fault;
pub use grants::grants;
pub use parameter::{Parameter, SqlType};
pub use rows::Rows;
pub use session::{Session, Transaction};
pub use url::DatabaseUrl;
pub use way::Pooler;

pub mod cluster;
pub mod dead_letters;
pub mod error;
pub mod export;
pub mod fault;
pub mod grants;
pub mod history;
pub mod import;
pub mod insights;
pub mod migrate;
pub mod orders;
pub mod readiness;
pub mod requests;
pub mod retention;
pub mod reviews;
pub mod status;
pub mod tls;
pub mod url;

mod abandoned;
mod connect;
mod fleet;
mod lane_split;
mod lease;
mod parameter;
mod rows;
mod session;
mod shards;
mod snapshots;
mod way;

pub use fleet::{Mark, changes_since, follow, forget_changes, list};
pub use lease::{Asked, Candidate, Lease, Lost, NotYet, Taken, TooFar, keep};

/// Connections to one Postgres. Cloned freely; all clones share them.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    way: Arc<Way>,
    waits: Option<PoolMeter>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("server", &self.way.server).finish_non_exhaustive()
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
    /// A server that is reached directly. Connects lazily: one that cannot be reached shows at the
    /// first [`Database::client`].
    pub fn open(url: &str, connections_max: usize) -> Result<Database, DatabaseError> {
        Database::at(&DatabaseUrl::new(url), connections_max, Pooler::None)
    }

    /// As [`Database::open`], behind what lies between.
    pub fn at(
        url: &DatabaseUrl,
        connections_max: usize,
        pooler: Pooler,
    ) -> Result<Database, DatabaseError> {
        let (pool, way) = connect::pool(url, connections_max, pooler)?;
        Ok(Database { pool, way: Arc::new(way), waits: None })
    }

    /// Other connections to the same server, for whoever must not wait for these.
    pub fn beside(&self, connections_max: usize) -> Result<Database, DatabaseError> {
        let (pool, _) = connect::pool(&self.way.url, connections_max, self.way.pooler)?;
        Ok(Database { pool, way: Arc::clone(&self.way), waits: None })
    }

    /// Measures how long this clone, and those made of it, wait for a connection.
    #[must_use]
    pub fn measured_by(self, meter: PoolMeter) -> Database {
        Database { waits: Some(meter), ..self }
    }

    /// A connection, given back when dropped.
    pub async fn client(&self) -> Result<Session, DatabaseError> {
        let waiting = self.waits.as_ref().map(PoolMeter::wait);
        let client = self.pool.get().await;
        drop(waiting);
        let client = client.map_err(|err| DatabaseError::connect(&self.way.server, err))?;
        Ok(Session::new(client, Arc::clone(&self.way)))
    }
}

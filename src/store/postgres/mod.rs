//! The system of record.

use std::fmt;

use deadpool_postgres::{Object, Pool};

pub use error::DatabaseError;
pub use grants::grants;
pub use url::DatabaseUrl;

pub mod cluster;
pub mod error;
pub mod grants;
pub mod migrate;
pub mod tls;
pub mod url;

mod connect;

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

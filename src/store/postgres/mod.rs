//! The system of record.

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::NoTls;

pub mod import;

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

//! What was done to tables, as the server counts it.

use std::time::Duration;

use scanflow::store::postgres::Database;

const POLL: Duration = Duration::from_millis(50);
const POLLS_MAX: u32 = 600;

/// Rows since the statistics began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) inserted: i64,
    pub(crate) updated: i64,
    pub(crate) hot_updated: i64,
    pub(crate) deleted: i64,
    pub(crate) dead: i64,
}

impl Written {
    /// Into all tables whose name is like the pattern.
    pub(crate) async fn to(database: &Database, like: &str) -> anyhow::Result<Written> {
        let client = database.client().await?;
        let query = "select sum(n_tup_ins)::bigint, sum(n_tup_upd)::bigint,
                            sum(n_tup_hot_upd)::bigint, sum(n_tup_del)::bigint,
                            sum(n_dead_tup)::bigint
                       from pg_stat_all_tables where relname like $1";
        let row = client.query_one(query, &[&like]).await?;
        let number = |column| row.get::<_, Option<i64>>(column).unwrap_or(0);
        Ok(Written {
            inserted: number(0),
            updated: number(1),
            hot_updated: number(2),
            deleted: number(3),
            dead: number(4),
        })
    }

    pub(crate) fn since(self, earlier: Written) -> Written {
        Written {
            inserted: self.inserted - earlier.inserted,
            updated: self.updated - earlier.updated,
            hot_updated: self.hot_updated - earlier.hot_updated,
            deleted: self.deleted - earlier.deleted,
            dead: self.dead,
        }
    }

    pub(crate) fn rows(self) -> i64 {
        self.inserted + self.updated + self.deleted
    }
}

/// Waits until the connections of an experiment have ended: each tells then what it did.
pub(crate) async fn all_told(database: &Database) -> anyhow::Result<()> {
    let others = "select count(*) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()
                     and backend_type = 'client backend'";
    let client = database.client().await?;
    for _ in 0..POLLS_MAX {
        if client.query_one(others, &[]).await?.get::<_, i64>(0) == 0 {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    anyhow::bail!("somebody is still connected")
}

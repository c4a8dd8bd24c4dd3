//! The Postgres of one experiment: the private cluster that `scanflow run` uses, with its settings,
//! in a folder that is thrown away; and what it has written and holds.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use scanflow::clock::Clock;
use scanflow::model::PerLane;
use scanflow::store::postgres::cluster::Cluster;
use scanflow::store::postgres::{Database, migrate};
use scanflow_dataflows::Connections;
use serde::Serialize;
use tempfile::TempDir;

use crate::proxy::Proxy;

/// Of partitions and of what is too wide for a row each table has its own.
const TABLES: &str = "
    select coalesce(pg_partition_root(c.oid), c.oid)::regclass::text,
           sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint
      from pg_class c
     where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
     group by 1 order by 1";

/// To a database that belongs to an experiment.
const CONNECTIONS_MAX: usize = 8;

pub(crate) struct Server {
    pub(crate) connections: Connections,
    pub(crate) pid: u32,
    // The server ends before its folder goes.
    cluster: Cluster,
    _folder: TempDir,
}

pub(crate) fn connections(url: &str) -> anyhow::Result<Connections> {
    let open = |connections_max| Database::open(url, connections_max);
    let lane = PerLane { fast: open(4)?, slow: open(2)? };
    Ok(Connections { lane, lease: open(1)?, control: open(2)? })
}

#[derive(Debug, Serialize)]
pub(crate) struct TableSize {
    pub(crate) table_bytes: i64,
    pub(crate) index_bytes: i64,
}

impl Server {
    pub(crate) async fn start(clock: &Clock) -> anyhow::Result<Server> {
        let folder = tempfile::Builder::new().prefix("scanflow-bench").tempdir()?;
        // The server may run as another user, who has to get there.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let cluster = Cluster::start(folder.path(), clock).await?;
        let pid = cluster.server_pid().context("the server has no process")?;
        let connections = connections(cluster.url())?;
        Ok(Server { connections, pid, cluster, _folder: folder })
    }

    /// As `connections`, through something that lies between.
    pub(crate) fn behind(proxy: &Proxy) -> anyhow::Result<Connections> {
        let port = proxy.port;
        let url =
            format!("host=127.0.0.1 port={port} user=scanflow dbname=scanflow sslmode=disable");
        connections(&url)
    }

    /// Connections of an experiment, to the database of `connections`.
    pub(crate) fn open(&self, connections_max: usize) -> anyhow::Result<Database> {
        Ok(Database::open(self.cluster.url(), connections_max)?)
    }

    pub(crate) fn url(&self) -> &str {
        self.cluster.url()
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> anyhow::Result<PathBuf> {
        let folder = self.cluster.url().split('\'').nth(1).context("a URL that names a folder")?;
        Ok(Path::new(folder).join(".s.PGSQL.5432"))
    }

    /// Of a further database.
    pub(crate) fn url_of(&self, name: &str) -> String {
        // What comes later wins.
        format!("{} dbname={name}", self.cluster.url())
    }

    /// A further database with the tables of scanflow.
    pub(crate) async fn new_database(&self, name: &str, clock: &Clock) -> anyhow::Result<Database> {
        self.execute(&format!("create database {name}")).await?;
        let database = Database::open(&self.url_of(name), CONNECTIONS_MAX)?;
        migrate::migrate(&database, clock.now()).await?;
        Ok(database)
    }

    pub(crate) async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        Ok(self.connections.control.client().await?.batch_execute(statement).await?)
    }

    /// A query for one number.
    pub(crate) async fn number(&self, query: &str) -> anyhow::Result<i64> {
        Ok(self.connections.control.client().await?.query_one(query, &[]).await?.get(0))
    }

    pub(crate) async fn open_insights(&self) -> anyhow::Result<i64> {
        self.number("select count(*) from insights where resolved_at is null").await
    }

    /// Up to where the write-ahead log was written.
    pub(crate) async fn wal_position(&self) -> anyhow::Result<String> {
        let client = self.connections.control.client().await?;
        Ok(client.query_one("select pg_current_wal_insert_lsn()::text", &[]).await?.get(0))
    }

    pub(crate) async fn wal_bytes_since(&self, position: &str) -> anyhow::Result<i64> {
        let client = self.connections.control.client().await?;
        let difference =
            "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)::bigint";
        Ok(client.query_one(difference, &[&position]).await?.get(0))
    }

    /// Of the write-ahead log since then, what are images of whole pages. Needs `pg_walinspect`.
    pub(crate) async fn page_images_bytes_since(&self, position: &str) -> anyhow::Result<i64> {
        let client = self.connections.control.client().await?;
        let images = "select coalesce(sum(fpi_size), 0)::bigint
            from pg_get_wal_stats($1::text::pg_lsn, pg_current_wal_flush_lsn())";
        Ok(client.query_one(images, &[&position]).await?.get(0))
    }

    pub(crate) async fn tables(&self) -> anyhow::Result<BTreeMap<String, TableSize>> {
        let client = self.connections.control.client().await?;
        let rows = client.query(TABLES, &[]).await?;
        let size = |row: &tokio_postgres::Row| TableSize {
            table_bytes: row.get(1),
            index_bytes: row.get(2),
        };
        Ok(rows.iter().map(|row| (row.get(0), size(row))).collect())
    }
}

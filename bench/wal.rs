//! What stands in the write-ahead log.

use std::fmt;

use serde::Serialize;
use tokio_postgres::Row;

use crate::server::Server;

/// A record that names no table belongs to a transaction or to the whole server.
const RECORDS: &str = "
    select resource_manager, record_type,
           coalesce((select c.relname from pg_class c where pg_relation_filenode(c.oid) =
               substring(block_ref from 'rel \\d+/\\d+/(\\d+)')::oid), '')::text,
           count(*), sum(record_length)::bigint
      from pg_get_wal_records_info($1::text::pg_lsn, pg_current_wal_flush_lsn())
     group by 1, 2, 3 order by 4 desc, 1, 2, 3";

/// Records that are alike.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    resource_manager: String,
    record_type: String,
    relation: String,
    pub(crate) records: i64,
    pub(crate) bytes: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Lease,
    /// Of whatever transaction.
    Commit,
    /// Checkpoints, every 15 s after something was written which transactions run, and what
    /// autovacuum writes into catalogues.
    Server,
    Other,
}

impl Record {
    /// Needs the extension `pg_walinspect`, which Postgres has from version 15 on.
    pub(crate) async fn since(server: &Server, position: &str) -> anyhow::Result<Vec<Record>> {
        let client = server.connections.control.client().await?;
        let rows = client.query(RECORDS, &[&position]).await?;
        let record = |row: &Row| Record {
            resource_manager: row.get(0),
            record_type: row.get(1),
            relation: row.get(2),
            records: row.get(3),
            bytes: row.get(4),
        };
        Ok(rows.iter().map(record).collect())
    }

    pub(crate) fn cause(&self) -> Cause {
        match (self.relation.as_str(), self.resource_manager.as_str()) {
            ("leases", _) => Cause::Lease,
            ("", "Transaction") => Cause::Commit,
            ("", "Standby" | "XLOG") => Cause::Server,
            (relation, _) if relation.starts_with("pg_") => Cause::Server,
            _ => Cause::Other,
        }
    }

    pub(crate) fn is_update_of(&self, relation: &str) -> bool {
        self.relation == relation && self.record_type.contains("UPDATE")
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { resource_manager, record_type, relation, records, bytes } = self;
        write!(f, "{records:>6} {bytes:>8} bytes  {resource_manager} {record_type} {relation}")
    }
}

//! A fleet that has been scanned before, and of which a part is due, in random order.

use anyhow::Context;
use uuid::Uuid;

use super::agenda::outcome;
use crate::server::Server;

/// Stamps are random over twice the cadence of plan free.
pub(super) const DUE_SHARE: f64 = 0.5;
const STAMPS: &str = "now() - random() * interval '14 days'";

/// Claims have a table of their own: what they need of an asset, and the columns of `scan_state`.
pub(super) const CLAIMS_TABLE: &str = "claimed_assets";

/// Pages are as full as those of `scan_state` are after the first scans of rows that were inserted
/// at its fillfactor of 40.
const PAGES_FULL: u32 = 77;

/// Accounts of three assets, the first of which is itself.
pub(super) async fn fleet(server: &Server, assets: u64) -> anyhow::Result<()> {
    let inventory = format!(
        "insert into sources (name) values ('bench');
         insert into accounts (id, source_id, external_id, name, plan, content_hash)
         select n, 1, n, 'account ' || n, 'free', '{nil}' from generate_series(1, {assets}, 3) n;
         insert into zones (id, source_id, external_id, account_id, name, records_complete,
                            record_count, content_hash)
         select n, 1, n, n - (n - 1) % 3, n || '.example', true, 3, '{nil}'
           from generate_series(1, {assets}) n where n % 3 <> 1;",
        nil = Uuid::nil(),
    );
    server.execute(&inventory).await?;
    let scans = format!(
        "alter table scan_state set (fillfactor = {PAGES_FULL});
         insert into scan_state {columns} select {values} from generate_series(1, {assets}) n;
         alter table scan_state set (fillfactor = 40);",
        columns = COLUMNS,
        values = values()?,
    );
    server.execute(&scans).await?;
    settle(server).await
}

const COLUMNS: &str = "(asset_id, config_version, sequence, digest, duration_us, records,
    last_scheduled_at, last_completed_at)";

fn values() -> anyhow::Result<String> {
    let digest = outcome(1, 1).digest.context("a full scan has a digest")?;
    let digest = Uuid::from_u128(digest.0);
    Ok(format!("n, 1, 1, '{digest}', 250, 3, {STAMPS}, now()"))
}

pub(super) async fn claims(server: &Server, assets: u64) -> anyhow::Result<()> {
    let fill = format!(
        "create table {CLAIMS_TABLE} (like scan_state) with (fillfactor = {PAGES_FULL});
         alter table {CLAIMS_TABLE} add account_id bigint, add plan text;
         insert into {CLAIMS_TABLE} (account_id, plan, {columns})
         select n - (n - 1) % 3, 'free', {values} from generate_series(1, {assets}) n;
         alter table {CLAIMS_TABLE} add primary key (asset_id);
         create index on {CLAIMS_TABLE} (plan, last_scheduled_at);",
        columns = COLUMNS.trim_matches(['(', ')']),
        values = values()?,
    );
    server.execute(&fill).await?;
    settle(server).await
}

/// Nothing is left to be done by autovacuum or a checkpoint; and what is written from here on stays
/// to be looked at.
async fn settle(server: &Server) -> anyhow::Result<()> {
    server.execute("vacuum (analyze)").await?;
    server.execute("checkpoint").await?;
    server.execute("alter system set wal_keep_size = '8GB'").await?;
    server.execute("select pg_reload_conf()").await
}

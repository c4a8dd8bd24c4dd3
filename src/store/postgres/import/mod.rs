//! Writes what a source lists, in bulk: only what differs from what is stored, and each zone with
//! its records in one transaction.
//!
//! An import holds one lock a source for as long as it lasts: who loses it cannot write any more.

use super::{Database, DatabaseError, Session, Transaction};
use crate::model::AssetId;

mod accounts;
mod claim;
mod prune;
mod record_rows;
mod stored_zone;
mod zone_rows;
mod zones;

pub use prune::Present;
pub use stored_zone::{StoredZone, zone_from};
pub use zones::{RecordsChange, ZoneChange};

/// So many assets are compared or written at once.
pub const BATCH_ASSETS_MAX: usize = 1_000;

/// The one who imports a source. Dropping it closes the connection and gives the source up.
pub struct SourceWriter {
    client: Session,
    claim: claim::Claim,
    source_id: i16,
    accounts: accounts::Accounts,
}

impl std::fmt::Debug for SourceWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceWriter").field("source_id", &self.source_id).finish_non_exhaustive()
    }
}

/// How many assets had to be written and how many were as they are already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub changed: u64,
    pub unchanged: u64,
}

impl SourceWriter {
    /// Waits for any other import of the source.
    pub async fn open(database: &Database, source: &str) -> Result<SourceWriter, DatabaseError> {
        let client = database.client().await?;
        let known = "select id from sources where name = $1";
        let source_id: i16 = match client.query_opt(known, &[&source]).await? {
            Some(row) => row.get(0),
            // A conflict would use up an id, so this comes second.
            None => {
                let add = "insert into sources (name) values ($1) on conflict do nothing";
                client.execute(add, &[&source]).await?;
                client.query_one(known, &[&source]).await?.get(0)
            }
        };
        let claim = claim::Claim::of(database, &client, source_id).await?;
        Ok(SourceWriter { client, claim, source_id, accounts: accounts::Accounts::default() })
    }

    /// Forgets the accounts that were written, but this one: no zone of them comes any more.
    pub fn forget_accounts_but(&mut self, external_id: &str) {
        self.accounts.retain(|id, _| id == external_id);
    }
}

/// Draws ids for new assets.
async fn new_ids(transaction: &Transaction<'_>, count: usize) -> Result<Vec<i64>, DatabaseError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let draw = "select nextval('asset_ids') from generate_series(1, $1)";
    let rows = transaction.query(draw, &[&(count as i32)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What goes with new assets: a scan state each. They are made in the order of [`AssetId::route`],
/// so that assets that lie side by side in the inventory are not scanned side by side.
async fn add_scan_states(
    transaction: &Transaction<'_>,
    mut new: Vec<i64>,
) -> Result<(), DatabaseError> {
    if new.is_empty() {
        return Ok(());
    }
    new.sort_unstable_by_key(|id| AssetId(*id).route());
    let add = "insert into scan_state (asset_id) \
               select id from unnest($1::bigint[]) with ordinality as u(id, n) order by n";
    transaction.execute(add, &[&new]).await?;
    Ok(())
}

/// Tells the schedule of assets that are new, came back, or have another plan or weight.
async fn announce(transaction: &Transaction<'_>, assets: &[i64]) -> Result<(), DatabaseError> {
    if !assets.is_empty() {
        let add = "insert into asset_changes (asset_id) select unnest($1::bigint[])";
        transaction.execute(add, &[&assets]).await?;
    }
    Ok(())
}

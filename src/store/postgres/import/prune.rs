//! Takes out of the fleet what a source no longer lists.

use std::collections::HashSet;

use super::{BATCH_ASSETS_MAX, SourceWriter};
use crate::store::postgres::DatabaseError;

/// Whether a source has any account and any zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    pub accounts: bool,
    pub zones: bool,
}

impl SourceWriter {
    /// What the source has, of accounts and of zones, that is not removed.
    pub async fn present(&self) -> Result<Present, DatabaseError> {
        let select = "select exists (select from accounts where source_id = $1 and removed_at is null), \
                             exists (select from zones where source_id = $1 and removed_at is null)";
        let row = self.client.query_one(select, &[&self.source_id]).await?;
        Ok(Present { accounts: row.get(0), zones: row.get(1) })
    }

    /// Removes the zones and accounts of the source that are not `seen`, by external id, and
    /// resolves their insights. Returns how many there were.
    pub async fn prune(
        &mut self,
        seen_accounts: &HashSet<String>,
        seen_zones: &HashSet<String>,
    ) -> Result<u64, DatabaseError> {
        let mut removed = 0;
        // Zones first: no present zone ever belongs to a removed account.
        for (table, seen) in [("zones", seen_zones), ("accounts", seen_accounts)] {
            let select = format!(
                "select id, external_id from {table} \
                 where source_id = $1 and removed_at is null order by id"
            );
            let rows = self.client.query(&select, &[&self.source_id]).await?;
            let unseen = rows.iter().filter(|row| !seen.contains(row.get::<_, &str>(1)));
            let unseen: Vec<i64> = unseen.map(|row| row.get(0)).collect();
            for batch in unseen.chunks(BATCH_ASSETS_MAX) {
                let prune = "select prune_assets($1)";
                let transaction = self.claim.begin(&mut self.client).await?;
                let count: i32 = transaction.query_one(prune, &[&batch]).await?.get(0);
                transaction.commit().await?;
                removed += u64::from(count.unsigned_abs());
            }
        }
        Ok(removed)
    }
}

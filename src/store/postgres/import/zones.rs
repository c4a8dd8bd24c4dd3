//! Which zones of a source differ from what is stored.

use std::collections::HashMap;

use uuid::Uuid;

use super::record_rows::stored_hashes;
use super::{SourceWriter, Written};
use crate::inventory::{ContentHash, SetSeen, ZoneEntry, ZoneSeen};
use crate::lanes;
use crate::store::postgres::DatabaseError;

/// What is stored of a zone.
struct Stored {
    id: i64,
    account_id: i64,
    plan: Option<String>,
    content_hash: ContentHash,
    records_complete: bool,
    record_count: i32,
    is_removed: bool,
}

/// What is to become of the records of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsChange {
    /// The stored ones stay, of a new zone none.
    Stay,
    /// They are replaced by a set with this sum of hashes.
    Replace(ContentHash),
}

/// A zone that differs from what is stored.
#[derive(Clone, Debug)]
pub struct ZoneChange {
    pub entry: ZoneEntry,
    pub records: RecordsChange,
    pub(super) account: i64,
    /// None: the zone is new.
    pub(super) id: Option<i64>,
    pub(super) content_hash: ContentHash,
    /// Whether the schedule must know: the zone came back, or its plan or the weight of its scan is
    /// another.
    pub(super) is_announced: bool,
    /// Whether records are stored, which a replacement deletes.
    pub(super) has_records: bool,
}

impl SourceWriter {
    /// Compares zones with what is stored. A zone whose account was not written by this writer is
    /// left out.
    pub async fn compare(
        &self,
        zones: Vec<ZoneSeen>,
        written: &mut Written,
    ) -> Result<Vec<ZoneChange>, DatabaseError> {
        let mut stored = self.stored_zones(&zones).await?;
        // The sums of the stored records, where the hash of the whole zone does not tell.
        let mut undecided = Vec::new();
        let mut pairs = Vec::with_capacity(zones.len());
        for zone in zones {
            let stored = stored.remove(&zone.entry.external_id);
            if let Some(stored) = &stored
                && stored.record_count > 0
                && match zone.set {
                    SetSeen::Kept => true,
                    SetSeen::Whole { records, hash } => {
                        i64::from(records) == i64::from(stored.record_count)
                            && ContentHash::of_zone(&zone.entry) + hash != stored.content_hash
                    }
                }
            {
                undecided.push(stored.id);
            }
            pairs.push((zone, stored));
        }
        let sums = stored_hashes(&self.client, &undecided).await?;
        let mut changes = Vec::new();
        for (zone, stored) in pairs {
            let Some(account) = self.accounts.get(&zone.entry.account_id) else { continue };
            let sum = match &stored {
                Some(stored) if stored.record_count > 0 => sums.get(&stored.id).copied(),
                _ => Some(ContentHash::default()),
            };
            match change(zone, *account, stored, sum) {
                Some(change) => changes.push(change),
                None => written.unchanged += 1,
            }
        }
        Ok(changes)
    }

    async fn stored_zones(
        &self,
        zones: &[ZoneSeen],
    ) -> Result<HashMap<String, Stored>, DatabaseError> {
        let ids: Vec<&str> = zones.iter().map(|zone| zone.entry.external_id.as_str()).collect();
        let select = "select external_id, id, account_id, plan, content_hash, records_complete, \
                             record_count, removed_at is not null \
                      from zones where source_id = $1 and external_id = any($2)";
        let rows = self.client.query(select, &[&self.source_id, &ids]).await?;
        let stored = rows.iter().map(|row| {
            let stored = Stored {
                id: row.get(1),
                account_id: row.get(2),
                plan: row.get(3),
                content_hash: ContentHash(row.get::<_, Uuid>(4).as_u128()),
                records_complete: row.get(5),
                record_count: row.get(6),
                is_removed: row.get(7),
            };
            (row.get(0), stored)
        });
        Ok(stored.collect())
    }
}

/// `stored_sum` is that of the stored records if it was asked for. None: nothing differs.
fn change(
    ZoneSeen { mut entry, set }: ZoneSeen,
    account: i64,
    stored: Option<Stored>,
    stored_sum: Option<ContentHash>,
) -> Option<ZoneChange> {
    // A zone that was removed has no records any more.
    let present = stored.as_ref().filter(|stored| !stored.is_removed);
    let (sum, records) = match set {
        SetSeen::Kept => {
            entry.records_complete = present.is_some_and(|stored| stored.records_complete);
            (stored_sum.unwrap_or_default(), RecordsChange::Stay)
        }
        SetSeen::Whole { hash, .. } => {
            let is_same = present.is_some() && stored_sum == Some(hash);
            (hash, if is_same { RecordsChange::Stay } else { RecordsChange::Replace(hash) })
        }
    };
    let content_hash = ContentHash::of_zone(&entry) + sum;
    if present.is_some_and(|stored| stored.content_hash == content_hash) {
        return None;
    }
    let is_replanned = present.is_none_or(|stored| {
        let count = u64::try_from(stored.record_count).unwrap_or(0);
        let is_reweighed = match set {
            SetSeen::Kept => false,
            // A weight has a bound, what is predicted has none.
            SetSeen::Whole { records, .. } => {
                let credits = |records: u64| records / lanes::RECORDS_PER_CREDIT;
                credits(records.into()) != credits(count)
            }
        };
        stored.plan != entry.plan || stored.account_id != account || is_reweighed
    });
    Some(ZoneChange {
        records,
        account,
        id: stored.as_ref().map(|stored| stored.id),
        content_hash,
        is_announced: is_replanned,
        has_records: stored.is_some_and(|stored| stored.record_count > 0),
        entry,
    })
}

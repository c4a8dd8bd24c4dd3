//! A zone as an import would give it, read back.

use tokio_postgres::types::Json;

use super::SourceWriter;
use super::record_rows::stored_records;
use crate::inventory::ZoneEntry;
use crate::model::Record;
use crate::store::postgres::{Database, DatabaseError};

/// Which zone, and how it is scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredZone {
    /// Internal.
    pub id: i64,
    pub source: String,
    /// Its own, or that of its account.
    pub plan: String,
}

const ZONE_FROM: &str = "
    select z.id, s.name, coalesce(z.plan, a.plan)
      from zones z
      join sources s on s.id = z.source_id
      join accounts a on a.id = z.account_id
     where $1 <= z.id and z.removed_at is null and z.records_complete
       and z.record_count between 1 and $2
     order by z.id limit 1";

/// The first zone from this id on, in the order of ids, that has records, all of which are known, and
/// not more than so many.
pub async fn zone_from(
    database: &Database,
    id: i64,
    records_max: i32,
) -> Result<Option<StoredZone>, DatabaseError> {
    let client = database.client().await?;
    let row = client.query_opt(ZONE_FROM, &[&id, &records_max]).await?;
    Ok(row.map(|row| StoredZone { id: row.get(0), source: row.get(1), plan: row.get(2) }))
}

impl SourceWriter {
    /// Reads a zone of the source with its records, as an import would give them. Its account counts
    /// as written from now on. None: it was removed, or belongs to another source.
    pub async fn stored_zone(
        &mut self,
        id: i64,
    ) -> Result<Option<(ZoneEntry, Vec<Record>)>, DatabaseError> {
        let select =
            "select z.external_id, a.external_id, a.id, z.name, z.plan, z.state, z.settings,
                             z.dnssec, z.records_complete
                        from zones z join accounts a on a.id = z.account_id
                       where z.id = $1 and z.source_id = $2 and z.removed_at is null";
        let Some(row) = self.client.query_opt(select, &[&id, &self.source_id]).await? else {
            return Ok(None);
        };
        let entry = ZoneEntry {
            external_id: row.get(0),
            account_id: row.get(1),
            name: row.get(3),
            plan: row.get(4),
            state: row.try_get::<_, Json<_>>(5)?.0,
            settings: row.try_get::<_, Option<Json<_>>>(6)?.map(|settings| settings.0),
            dnssec: row.try_get::<_, Option<Json<_>>>(7)?.map(|dnssec| dnssec.0),
            records_complete: row.get(8),
        };
        self.accounts.insert(entry.account_id.clone(), row.get(2));
        let records = stored_records(&self.client, &[id]).await?;
        Ok(Some((entry, records.into_iter().map(|(_, record)| record).collect())))
    }
}

//! Writes zones with their records, one transaction a batch.

use uuid::Uuid;

use super::accounts::json;
use super::zones::RecordsChange;
use super::{SourceWriter, ZoneChange, add_scan_states, announce, new_ids, record_rows};
use crate::model::Record;
use crate::store::postgres::{DatabaseError, Parameter};

impl SourceWriter {
    /// Writes zones as [`SourceWriter::compare`] found them to differ, each with the records that
    /// replace the stored ones; they are passed over where the stored ones stay.
    pub async fn zones(
        &mut self,
        changes: Vec<(ZoneChange, Vec<Record>)>,
    ) -> Result<(), DatabaseError> {
        if changes.is_empty() {
            return Ok(());
        }
        let source_id = self.source_id;
        let transaction = self.claim.begin(&mut self.client).await?;
        let added = changes.iter().filter(|(change, _)| change.id.is_none()).count();
        let mut ids = new_ids(&transaction, added).await?;
        let (mut new, mut changed) = (Rows::default(), Rows::default());
        let (mut announced, mut emptied, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        for (change, records) in changes {
            let replaced = match change.records {
                RecordsChange::Stay => None,
                RecordsChange::Replace(_) => Some(records),
            };
            let count = replaced.as_ref().map(|set| i32::try_from(set.len()).unwrap_or(i32::MAX));
            let id = match change.id {
                Some(id) => {
                    changed.push(id, &change, count);
                    if replaced.is_some() && change.has_records {
                        emptied.push(id);
                    }
                    id
                }
                None => {
                    let id = ids.pop().expect("an id was drawn for each new zone");
                    new.push(id, &change, Some(count.unwrap_or(0)));
                    id
                }
            };
            if change.is_announced {
                announced.push(id);
            }
            sets.extend(replaced.filter(|set| !set.is_empty()).map(|set| (id, set)));
        }
        if !new.id.is_empty() {
            let Rows { id, external_id, .. } = &new;
            let [account, name, plan, state, settings, dnssec, complete, count, hash] =
                new.columns();
            transaction
                .execute(
                    INSERT,
                    &[
                        &source_id,
                        id,
                        external_id,
                        account,
                        name,
                        plan,
                        state,
                        settings,
                        dnssec,
                        complete,
                        count,
                        hash,
                    ],
                )
                .await?;
            add_scan_states(&transaction, id.clone()).await?;
        }
        if !changed.id.is_empty() {
            let [account, name, plan, state, settings, dnssec, complete, count, hash] =
                changed.columns();
            transaction
                .execute(
                    UPDATE,
                    &[
                        &changed.id,
                        account,
                        name,
                        plan,
                        state,
                        settings,
                        dnssec,
                        complete,
                        count,
                        hash,
                    ],
                )
                .await?;
        }
        if !emptied.is_empty() {
            let delete = "delete from records where zone_id = any($1)";
            transaction.execute(delete, &[&emptied]).await?;
        }
        if !sets.is_empty() {
            record_rows::copy(&transaction, &sets).await?;
        }
        announce(&transaction, &announced).await?;
        Ok(transaction.commit().await?)
    }
}

const INSERT: &str = "\
    insert into zones (id, source_id, external_id, account_id, name, plan, state, settings, \
                       dnssec, records_complete, record_count, content_hash) \
    select u.id, $1, u.external_id, u.account_id, u.name, u.plan, u.state::jsonb, \
           u.settings::jsonb, u.dnssec::jsonb, u.records_complete, u.record_count, u.content_hash \
      from unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], \
                  $8::text[], $9::text[], $10::boolean[], $11::integer[], $12::uuid[]) \
           as u(id, external_id, account_id, name, plan, state, settings, dnssec, \
                records_complete, record_count, content_hash)";

const UPDATE: &str = "\
    update zones z \
       set account_id = u.account_id, name = u.name, plan = u.plan, state = u.state::jsonb, \
           settings = u.settings::jsonb, dnssec = u.dnssec::jsonb, \
           records_complete = u.records_complete, \
           record_count = coalesce(u.record_count, z.record_count), \
           content_hash = u.content_hash, config_version = z.config_version + 1, \
           removed_at = null \
      from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], \
                  $7::text[], $8::boolean[], $9::integer[], $10::uuid[]) \
           as u(id, account_id, name, plan, state, settings, dnssec, records_complete, \
                record_count, content_hash) \
     where z.id = u.id";

/// Columns of zones; state, settings and DNSSEC as JSON.
#[derive(Default)]
struct Rows {
    id: Vec<i64>,
    external_id: Vec<String>,
    account_id: Vec<i64>,
    name: Vec<String>,
    plan: Vec<Option<String>>,
    state: Vec<String>,
    settings: Vec<Option<String>>,
    dnssec: Vec<Option<String>>,
    records_complete: Vec<bool>,
    /// None: as it is.
    record_count: Vec<Option<i32>>,
    content_hash: Vec<Uuid>,
}

type Column<'r> = &'r dyn Parameter;

impl Rows {
    fn push(&mut self, id: i64, change: &ZoneChange, record_count: Option<i32>) {
        let entry = &change.entry;
        self.id.push(id);
        self.external_id.push(entry.external_id.clone());
        self.account_id.push(change.account);
        self.name.push(entry.name.clone());
        self.plan.push(entry.plan.clone());
        self.state.push(json(&entry.state));
        self.settings.push(entry.settings.as_ref().map(json));
        self.dnssec.push(entry.dnssec.as_ref().map(json));
        self.records_complete.push(entry.records_complete);
        self.record_count.push(record_count);
        self.content_hash.push(Uuid::from_u128(change.content_hash.0));
    }

    /// What an insertion and an update have in common.
    fn columns(&self) -> [Column<'_>; 9] {
        [
            &self.account_id,
            &self.name,
            &self.plan,
            &self.state,
            &self.settings,
            &self.dnssec,
            &self.records_complete,
            &self.record_count,
            &self.content_hash,
        ]
    }
}

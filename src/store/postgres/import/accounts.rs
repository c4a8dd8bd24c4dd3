//! Accounts of one source.

use std::collections::HashMap;

use uuid::Uuid;

use super::{BATCH_ASSETS_MAX, SourceWriter, Written, add_scan_states, announce, new_ids};
use crate::inventory::{AccountEntry, ContentHash};
use crate::store::postgres::DatabaseError;

/// The ids of the accounts of the source, by external id.
pub(super) type Accounts = HashMap<String, i64>;

struct Stored {
    id: i64,
    plan: String,
    content_hash: ContentHash,
    is_removed: bool,
}

struct Change<'a> {
    entry: &'a AccountEntry,
    content_hash: ContentHash,
    stored: Option<Stored>,
}

/// The plan of an account whose source states none.
const PLAN_UNSTATED: &str = "free";

fn plan(account: &AccountEntry) -> &str {
    account.plan.as_deref().unwrap_or(PLAN_UNSTATED)
}

impl SourceWriter {
    /// Stores accounts; those of the zones that are written later must be among them.
    pub async fn accounts(&mut self, accounts: &[AccountEntry]) -> Result<Written, DatabaseError> {
        let mut written = Written::default();
        for batch in accounts.chunks(BATCH_ASSETS_MAX) {
            let mut stored = self.stored_accounts(batch).await?;
            let mut changes = Vec::new();
            for entry in batch {
                let content_hash = ContentHash::of_account(entry);
                let stored = stored.remove(&entry.external_id);
                if let Some(stored) = &stored {
                    self.accounts.insert(entry.external_id.clone(), stored.id);
                    if !stored.is_removed && stored.content_hash == content_hash {
                        written.unchanged += 1;
                        continue;
                    }
                }
                changes.push(Change { entry, content_hash, stored });
            }
            written.changed += changes.len() as u64;
            if !changes.is_empty() {
                self.write_accounts(changes).await?;
            }
        }
        Ok(written)
    }

    async fn stored_accounts(
        &self,
        batch: &[AccountEntry],
    ) -> Result<HashMap<String, Stored>, DatabaseError> {
        let ids: Vec<&str> = batch.iter().map(|account| account.external_id.as_str()).collect();
        let select = "select external_id, id, plan, content_hash, removed_at is not null \
                      from accounts where source_id = $1 and external_id = any($2)";
        let rows = self.client.query(select, &[&self.source_id, &ids]).await?;
        let stored = rows.iter().map(|row| {
            let stored = Stored {
                id: row.get(1),
                plan: row.get(2),
                content_hash: ContentHash(row.get::<_, Uuid>(3).as_u128()),
                is_removed: row.get(4),
            };
            (row.get(0), stored)
        });
        Ok(stored.collect())
    }

    async fn write_accounts(&mut self, changes: Vec<Change<'_>>) -> Result<(), DatabaseError> {
        let source_id = self.source_id;
        let transaction = self.claim.begin(&mut self.client).await?;
        let added = changes.iter().filter(|change| change.stored.is_none()).count();
        let mut ids = new_ids(&transaction, added).await?;
        let (mut new, mut changed) = (Rows::default(), Rows::default());
        let mut announced = Vec::new();
        let mut replanned = Vec::new();
        for Change { entry, content_hash, stored } in changes {
            match stored {
                Some(stored) => {
                    changed.push(stored.id, entry, content_hash);
                    let is_replanned = stored.plan != plan(entry);
                    if is_replanned || stored.is_removed {
                        announced.push(stored.id);
                    }
                    if is_replanned {
                        replanned.push(stored.id);
                    }
                }
                None => {
                    let id = ids.pop().expect("an id was drawn for each new account");
                    self.accounts.insert(entry.external_id.clone(), id);
                    new.push(id, entry, content_hash);
                    announced.push(id);
                }
            }
        }
        let Rows { id, external_id, name, plan, tags, settings, members, content_hash } = &new;
        if !id.is_empty() {
            transaction
                .execute(
                    INSERT,
                    &[
                        &source_id,
                        id,
                        external_id,
                        name,
                        plan,
                        tags,
                        settings,
                        members,
                        content_hash,
                    ],
                )
                .await?;
            add_scan_states(&transaction, id.clone()).await?;
        }
        let Rows { id, name, plan, tags, settings, members, content_hash, .. } = &changed;
        if !id.is_empty() {
            transaction
                .execute(UPDATE, &[id, name, plan, tags, settings, members, content_hash])
                .await?;
        }
        announce(&transaction, &announced).await?;
        if !replanned.is_empty() {
            // The zones that have the account's plan.
            let follow = "insert into asset_changes (asset_id) select id from zones \
                          where account_id = any($1) and plan is null and removed_at is null";
            transaction.execute(follow, &[&replanned]).await?;
        }
        Ok(transaction.commit().await?)
    }
}

const INSERT: &str = "\
    insert into accounts (id, source_id, external_id, name, plan, tags, settings, members, \
                          content_hash) \
    select u.id, $1, u.external_id, u.name, u.plan, \
           array(select jsonb_array_elements_text(u.tags::jsonb)), \
           u.settings::jsonb, u.members::jsonb, u.content_hash \
      from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
                  $8::text[], $9::uuid[]) \
           as u(id, external_id, name, plan, tags, settings, members, content_hash)";

const UPDATE: &str = "\
    update accounts a \
       set name = u.name, plan = u.plan, \
           tags = array(select jsonb_array_elements_text(u.tags::jsonb)), \
           settings = u.settings::jsonb, members = u.members::jsonb, \
           content_hash = u.content_hash, config_version = a.config_version + 1, \
           removed_at = null \
      from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
                  $7::uuid[]) as u(id, name, plan, tags, settings, members, content_hash) \
     where a.id = u.id";

/// Columns of accounts; tags, settings and members as JSON.
#[derive(Default)]
struct Rows {
    id: Vec<i64>,
    external_id: Vec<String>,
    name: Vec<String>,
    plan: Vec<String>,
    tags: Vec<String>,
    settings: Vec<Option<String>>,
    members: Vec<Option<String>>,
    content_hash: Vec<Uuid>,
}

impl Rows {
    fn push(&mut self, id: i64, account: &AccountEntry, content_hash: ContentHash) {
        self.id.push(id);
        self.external_id.push(account.external_id.clone());
        self.name.push(account.name.clone());
        self.plan.push(plan(account).to_owned());
        self.tags.push(json(&account.tags));
        self.settings.push(account.settings.as_ref().map(json));
        self.members.push(account.members.as_ref().map(json));
        self.content_hash.push(Uuid::from_u128(content_hash.0));
    }
}

/// # Panics
/// Never: the keys of the model's types are strings.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the keys of the model's types are strings")
}

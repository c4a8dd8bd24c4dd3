//! The small number that stands for a check's id in tables.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::CheckId;
use crate::store::postgres::{DatabaseError, Session};
use crate::telemetry::SinkMeter;

/// Numbers as they were met. A check that Postgres does not know gets one.
#[derive(Debug, Default)]
pub(super) struct CheckNumbers(RwLock<Arc<HashMap<CheckId, i16>>>);

/// Adds what is missing without drawing an identity for what is not; then all that was asked for.
const REGISTER: &str = "insert into checks (name)
    select asked.name from unnest($1::text[]) as asked(name)
     where not exists (select from checks c where c.name = asked.name)
     order by asked.name
    on conflict do nothing";
const NUMBERS: &str = "select name, id from checks where name = any($1)";

impl CheckNumbers {
    /// Another server may take over that does not know them, or knows others.
    pub(super) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// The numbers of these checks, and of others.
    pub(super) async fn of(
        &self,
        session: &Session,
        checks: BTreeSet<&CheckId>,
        meter: &SinkMeter,
    ) -> Result<Arc<HashMap<CheckId, i16>>, DatabaseError> {
        let known = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let unknown = checks.into_iter().filter(|check| !known.contains_key(*check));
        let names: Vec<&str> = unknown.map(CheckId::as_str).collect();
        if names.is_empty() {
            return Ok(known);
        }
        meter.round_trips(2);
        session.execute(REGISTER, &[&names]).await?;
        let mut known = HashMap::clone(&known);
        for row in session.query(NUMBERS, &[&names]).await? {
            known.insert(CheckId::from_name(row.get::<_, String>(0)), row.get(1));
        }
        let known = Arc::new(known);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        Ok(known)
    }
}

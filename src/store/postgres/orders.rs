//! What people order of the schedule, also while nobody leads.

use super::insights::time;
use super::{Database, DatabaseError};
use crate::model::UnixTime;
use crate::schedule::Orders;

/// Who paused the schedule, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    pub by: String,
    pub at: UnixTime,
}

/// What whoever leads follows.
pub async fn orders(database: &Database) -> Result<Orders, DatabaseError> {
    let read = "select is_paused, spreads from schedule_orders";
    let row = database.client().await?.query_opt(read, &[]).await?;
    let orders = row.map(|row| Orders { is_paused: row.get(0), spreads: row.get(1) });
    Ok(orders.unwrap_or_default())
}

/// None: it is not paused.
pub async fn paused(database: &Database) -> Result<Option<Paused>, DatabaseError> {
    let read = "select paused_by, paused_at from schedule_orders where is_paused";
    let row = database.client().await?.query_opt(read, &[]).await?;
    Ok(row.map(|row| Paused { by: row.get(0), at: time(&row, 1) }))
}

/// Nothing goes out any more but what is asked for. False: it was paused before.
pub async fn pause(database: &Database, by: &str) -> Result<bool, DatabaseError> {
    let pause = "update schedule_orders
                    set is_paused = true, paused_by = $1, paused_at = clock_timestamp()
                  where not is_paused";
    Ok(database.client().await?.execute(pause, &[&by]).await? == 1)
}

/// Ends a pause. False: there was none.
pub async fn resume(database: &Database) -> Result<bool, DatabaseError> {
    let resume = "update schedule_orders set is_paused = false, paused_by = null, paused_at = null
                   where is_paused";
    Ok(database.client().await?.execute(resume, &[]).await? == 1)
}

/// Has whoever leads spread the fleet.
pub async fn spread(database: &Database) -> Result<(), DatabaseError> {
    let spread = "update schedule_orders set spreads = spreads + 1";
    database.client().await?.execute(spread, &[]).await?;
    Ok(())
}

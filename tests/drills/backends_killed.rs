//! Connections that the server ends, in the middle of whatever they do.

use crate::dice::Dice;
use crate::drill::{Drill, server, times};

/// One of the run or of the import beside it; one that works, if any does.
const END_ONE: &str = "select count(pg_terminate_backend(pid)) > 0 from (
    select pid from pg_stat_activity
     where datname = current_database() and application_name = 'scanflow'
     order by state = 'active' desc, random() limit 1) backend";

#[tokio::test]
async fn backends_that_die_leave_no_trace() {
    let Some(drill) = Drill::start("backends_killed", server()).await else { return };
    let drill = drill.with("SCANFLOW_SCHEDULE__LEASE_TTL", "60s");
    let mut dice = Dice::seeded();
    let run = drill.lead().await;
    drill.scans(1).await;
    drill
        .while_changing(async {
            for _ in 0..times(100) {
                drill.scans(dice.below(500)).await;
                drill.until(END_ONE).await;
                drill.disturbed();
            }
        })
        .await;
    drill.end(run).await;
}

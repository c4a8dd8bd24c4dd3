//! `kill -9` at random points.

use std::os::unix::process::ExitStatusExt;

use crate::dice::Dice;
use crate::drill::{Drill, server, times};

#[tokio::test]
async fn kills_at_random_points_leave_no_trace() {
    let Some(drill) = Drill::start("killed", server()).await else { return };
    let drill = drill.with("SCANFLOW_SCHEDULE__LEASE_TTL", "1s");
    let mut dice = Dice::seeded();
    let run = drill.while_changing(async {
        let mut run = drill.lead().await;
        for _ in 0..times(20) {
            drill.scans(dice.below(3_000)).await;
            let killed = run.kill().await;
            assert_eq!(killed.status.signal(), Some(9), "{}", killed.stderr);
            drill.disturbed();
            run = drill.lead().await;
        }
        run
    });
    let run = run.await;
    drill.end(run).await;
}

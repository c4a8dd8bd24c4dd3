//! SIGTERM at random points.

use crate::dice::Dice;
use crate::drill::{Drill, drained, server, times};

#[tokio::test]
async fn a_run_that_is_told_to_end_loses_nothing() {
    let Some(drill) = Drill::start("terminated", server()).await else { return };
    let mut dice = Dice::seeded();
    let mut given_up = 0;
    let run = drill.while_changing(async {
        let mut run = drill.lead().await;
        for number in 0..times(10) {
            drill.scans(dice.below(3_000)).await;
            run.signal("TERM");
            let ended = run.end().await;
            if number % 2 == 0 {
                drained(&ended);
            } else {
                assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
                given_up += i32::from(ended.stderr.contains("given up and are still due"));
            }
            drill.disturbed();
            let mut next = drill.command();
            // In turns it may finish what is under way, and drops it at once.
            if number % 2 == 0 {
                next.env("SCANFLOW_RUN__SHUTDOWN_GRACE", "0s");
            }
            run = drill.lead_by(next).await;
        }
        run
    });
    let run = run.await;
    assert!(0 < given_up, "nothing was under way at any of the ends without a grace");
    drill.end(run).await;
}

//! Runs beside one that leads, which wait for nothing.

use crate::dice::Dice;
use crate::drill::{Drill, server, times};
use crate::running::Running;

const HOLDER: &str = "select holder from leases";

#[tokio::test]
async fn a_run_that_does_not_wait_stays_out_until_the_leader_is_dead() {
    let Some(drill) = Drill::start("two_runs", server()).await else { return };
    let drill = drill.with("SCANFLOW_SCHEDULE__LEASE_TTL", "1s");
    let mut dice = Dice::seeded();
    let run = drill.while_changing(async {
        let mut first = drill.lead().await;
        for _ in 0..times(3) {
            let token = drill.token().await;
            let holder: String = drill.ask(HOLDER).await;
            assert!(holder.contains(&format!(":{}:", first.pid())), "{holder}");
            for _ in 0..4 {
                drill.scans(dice.below(1_000)).await;
                let mut once = drill.command();
                once.arg("--once");
                let second = Running::start(once).end().await;
                assert_eq!(second.status.code(), Some(75), "{}", second.stderr);
                assert!(second.stderr.contains(&holder), "{holder}: {}", second.stderr);
                drill.disturbed();
            }
            assert_eq!(drill.token().await, token, "the first leads as before");
            first.kill().await;
            let expires: String = drill.ask("select expires_at::text from leases").await;
            first = drill.lead().await;
            let waited = format!("select clock_timestamp() >= '{expires}'");
            assert!(drill.ask::<bool>(&waited).await, "it took a lease that had not run out");
            drill.disturbed();
        }
        first
    });
    let run = run.await;
    drill.end(run).await;
}

//! `kill -9` of the run that leads, with another one beside it.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::dice::Dice;
use crate::drill::{Drill, drained, server, times};
use crate::{figures, scan_log};

const HOLDER: &str = "select holder from leases";

/// `DRILL_ZONES`, which do not change, beside the fleet of all drills.
fn zones() -> usize {
    let zones = std::env::var("DRILL_ZONES").ok().filter(|zones| !zones.is_empty());
    zones.map_or(0, |zones| zones.parse().expect("DRILL_ZONES is a number"))
}

#[tokio::test]
async fn who_stands_by_goes_on_where_the_leader_was_killed() {
    let zones = zones();
    let Some(drill) = Drill::start_beside(zones, "standby", server()).await else { return };
    let assets: i64 = drill.ask("select count(*) from scan_state").await;
    // The fleet of all drills is scanned in a hurry, and its leader killed more often than the schedule
    // can make up for. With more assets it is to keep its promises, also beside other work: once they
    // have been scanned so often that they are no herd any more.
    let (per_second, scans_max, settled) =
        if zones == 0 { (3_000, 3_000, 0) } else { (700, assets / 4, 2 * assets) };
    let cadence_s = assets / per_second;
    let mut drill = drill
        .with("SCANFLOW_SCHEDULE__LEASE_TTL", "1s")
        .with("SCANFLOW_SCHEDULE__RATE", "auto")
        .waiting_for(4 * Duration::from_secs(cadence_s.unsigned_abs()));
    for plan in [
        "SCANFLOW_CADENCE__FREE",
        "SCANFLOW_CADENCE__PRO",
        "SCANFLOW_CADENCE__BUSINESS",
        "SCANFLOW_CADENCE__ENTERPRISE",
    ] {
        drill = drill.with(plan, &format!("{cadence_s}s"));
    }
    scan_log::write(&drill).await;
    let mut dice = Dice::seeded();
    let leader = drill.while_changing(async {
        let mut leader = drill.lead().await;
        scan_log::until(&drill, settled).await;
        for _ in 0..times(10) {
            let next = drill.stand_by().await;
            drill.scans(dice.below(scans_max)).await;
            let token = drill.token().await;
            let killed = leader.kill().await;
            assert_eq!(killed.status.signal(), Some(9), "{}", killed.stderr);
            drill.disturbed();
            drill.until(&format!("select {token} < token from leases")).await;
            let holder: String = drill.ask(HOLDER).await;
            assert!(holder.contains(&format!(":{}:", next.pid())), "{holder}");
            leader = next;
        }
        leader
    });
    let leader = leader.await;
    drill.newest().await;
    leader.signal("TERM");
    drained(&leader.end().await);
    let gaps = scan_log::check(&drill, cadence_s, settled).await;
    figures::say("standby", &format!("{assets} assets; {gaps}"));
    drill.compare().await;
}

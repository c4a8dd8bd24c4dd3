//! `kill -9` at random moments, and then on to the end.
#![expect(clippy::print_stdout, reason = "a failing test tells where it killed")]

use std::os::unix::process::ExitStatusExt;

use scanflow_testing::{Expected, assert_same, shared_data};

use crate::dice::Dice;
use crate::process::Place;
use crate::running::Running;

const KILLS: i64 = 5;
const ASSETS: i64 = 9_173 + 9_867;
/// So that none of the killed runs comes to its end, and each of them finds something new.
const SCANS_MAX: i64 = 2_800;

fn once(place: &Place, what: &[&str]) -> Running {
    let mut command = place.command(&["run", "--once"]);
    command.args(what);
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "2s");
    // Little is out at a time, so that a kill comes in the middle of much.
    command.env("SCANFLOW_LANES__FAST__CREDITS", "256");
    command.env("SCANFLOW_LANES__FAST__WRITE_OUTCOMES_MAX", "64");
    Running::start(command)
}

async fn to_the_end(place: &Place) -> String {
    let ended = once(place, &[]).end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(place.count("from scan_state where last_completed_at is null").await, 0);
    let exported = place.run(&["export"]);
    assert_eq!(exported.exit, 0, "{}", exported.stderr);
    exported.stdout
}

/// Waits until the leader with this token has completed so many scans.
async fn completed(place: &Place, token: i64, scans: i64) {
    let sql = format!(
        "select exists (select from leases where token = {token})
            and {scans} <= (select count(*) from scan_state where sequence >> 40 = {token})"
    );
    place.until(&sql).await;
}

#[tokio::test]
async fn five_kills_leave_no_trace_in_insights_and_history() {
    let Some(data) = shared_data("is-a-dev-fleet") else { return };
    let mut dice = Dice::seeded();
    let place = Place::importing(&data).await;
    for token in 1..=KILLS {
        let scans = dice.below(SCANS_MAX);
        let run = once(&place, &["--due"]);
        completed(&place, token, scans).await;
        let killed = run.kill().await;
        assert_eq!(killed.status.signal(), Some(9), "{}", killed.stderr);
        let left = place.count("from scan_state where last_completed_at is null").await;
        println!("killed after {scans} scans, {left} of {ASSETS} assets are left");
        assert!(0 < left, "it has come to its end");
        // In one statement: what the dead process had sent may still be committed.
        let torn = "from insights i full join insight_events e using (asset_id, check_id, subject)
                     where i.asset_id is null or e.asset_id is null";
        assert_eq!(place.count(torn).await, 0, "one is there without the other");
    }
    let killed = to_the_end(&place).await;

    let undisturbed = to_the_end(&Place::importing(&data).await).await;
    let lines = undisturbed.lines().count();
    assert!(20_000 < lines, "{lines}");
    let differing = killed.lines().zip(undisturbed.lines()).find(|(left, right)| left != right);
    assert_eq!(differing, None);
    assert_eq!(killed.lines().count(), lines);
}

#[tokio::test]
async fn a_killed_import_leaves_whole_zones_and_the_next_one_the_rest() {
    let Some(data) = shared_data("is-a-dev-fleet") else { return };
    let mut dice = Dice::seeded();
    let place = Place::filled("").await;
    let import = || place.command(&["import", data.to_str().expect("UTF-8")]);
    let mut before = 0;
    for share in 1..=3 {
        let zones = (before + dice.below(1_000)).min(9_000);
        let run = Running::start(import());
        place.until(&format!("select {zones} <= count(*) from zones")).await;
        let killed = run.kill().await;
        before = place.count("from zones").await;
        println!("kill {share} after {zones} zones: {before} are stored");
        assert_eq!(killed.status.signal(), Some(9), "{}", killed.stderr);
        let torn = "from zones z left join scan_state s on s.asset_id = z.id
                     where s.asset_id is null or record_count <>
                           (select count(*) from records r where r.zone_id = z.id)";
        assert_eq!(place.count(torn).await, 0);
    }
    let ended = Running::start(import()).end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    for (table, count) in [("zones", 9_867), ("records", 17_707), ("scan_state", ASSETS)] {
        assert_eq!(place.count(&format!("from {table}")).await, count, "{table}");
    }
    place.scan_once().await;
    let expected = Expected::of("is-a-dev-fleet").expect("lies beside the data");
    assert_same("open", &place.open().await, &expected.fails);
}

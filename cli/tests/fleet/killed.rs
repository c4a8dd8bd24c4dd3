//! `kill -9` at random moments, and a run to the end.

use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::ExitStatusExt;

use scanflow_testing::shared_data;

use crate::process::Place;
use crate::running::Running;

const KILLS: i64 = 5;
const ASSETS: i64 = 9_173 + 9_867;
/// So that none of the killed runs comes to its end, and each of them finds something new.
const SCANS_MAX: u64 = 2_800;

fn once(place: &Place, what: &[&str]) -> Running {
    let mut command = place.command(&["run", "--once"]);
    command.args(what);
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "2s");
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
    let client = place.test.database.client().await.expect("a connection");
    let sql = "select (select count(*) from leases where token = $1),
                      (select count(*) from scan_state where sequence >> 40 = $1)";
    let reached = async {
        loop {
            let row = client.query_one(sql, &[&token]).await.expect("counts");
            if row.get::<_, i64>(0) == 1 && scans <= row.get(1) {
                return;
            }
        }
    };
    let reached = tokio::time::timeout(crate::running::WAIT_MAX, reached).await;
    reached.expect("the leader gets on");
}

#[tokio::test]
async fn five_kills_leave_no_trace_in_insights_and_history() {
    let Some(data) = shared_data("is-a-dev-fleet") else { return };
    let given = std::env::var("SCANFLOW_TEST_SEED").ok();
    let seed = given.map_or_else(
        || RandomState::new().hash_one(std::process::id()),
        |seed| seed.parse().expect("a number"),
    );
    println!("SCANFLOW_TEST_SEED={seed}");

    let place = Place::importing(&data).await;
    let mut dice = seed;
    for token in 1..=KILLS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let scans = ((dice >> 33) % SCANS_MAX) as i64;
        let run = once(&place, &["--due"]);
        completed(&place, token, scans).await;
        let killed = run.kill().await;
        assert_eq!(killed.status.signal(), Some(9), "{}", killed.stderr);
        let left = place.count("from scan_state where last_completed_at is null").await;
        println!("killed after {scans} scans, {left} of {ASSETS} assets are left");
        assert!(0 < left, "it has come to its end");
        let moved = place.count("from insight_events").await;
        assert_eq!(place.count("from insights").await, moved, "one is there without the other");
    }
    let killed = to_the_end(&place).await;

    let undisturbed = to_the_end(&Place::importing(&data).await).await;
    let lines = undisturbed.lines().count();
    assert!(20_000 < lines, "{lines}");
    let differing = killed.lines().zip(undisturbed.lines()).find(|(left, right)| left != right);
    assert_eq!(differing, None);
    assert_eq!(killed.lines().count(), lines);
}

//! Who leads, how it stops, and who comes next.

use std::process::Command;

use scanflow_testing::shared_data;
use tokio_postgres::Client;

use crate::process::Place;
use crate::running::Running;

pub(crate) const LEASE_TTL: &str = "3s";

async fn imported(source: &str) -> Option<Place> {
    Some(Place::importing(shared_data(source)?).await)
}

/// A run that goes on.
fn run(place: &Place) -> Command {
    let mut command = place.command(&["run", "--rate", "max"]);
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", LEASE_TTL);
    command
}

async fn text(place: &Place, question: &str) -> String {
    let client = place.test.database.client().await.expect("a connection");
    client.query_one(question, &[]).await.expect("an answer").get(0)
}

const SOME_SCANS: &str =
    "select count(*) > 100 from scan_state where last_completed_at is not null";
const UNSCANNED: &str = "from scan_state where last_completed_at is null";

#[tokio::test]
async fn beside_a_leader_nobody_runs_and_after_its_death_the_next_one_goes_on() {
    let Some(place) = imported("moj").await else { return };
    let leader = Running::start(run(&place));
    place.until(SOME_SCANS).await;
    let mut second = place.command(&["run", "--once"]);
    second.env("SCANFLOW_SCHEDULE__LEASE_TTL", LEASE_TTL);
    let second = Running::start(second).end().await;
    assert_eq!(second.status.code(), Some(75), "{}", second.stderr);
    let holder = text(&place, "select holder from leases").await;
    assert!(holder.contains(&format!(":{}:", leader.pid())), "{holder}");
    assert!(second.stderr.contains(&holder), "{}", second.stderr);

    leader.kill().await;
    let expires = text(&place, "select expires_at::text from leases").await;
    let next = Running::start(run(&place));
    place.until("select token = 2 from leases").await;
    let waited = format!("select (clock_timestamp() >= '{expires}')::text");
    assert_eq!(text(&place, &waited).await, "true", "it took a lease that had not run out");
    place.until(&format!("select not exists (select {UNSCANNED})")).await;
    next.signal("TERM");
    let next = next.end().await;
    assert_eq!(next.status.code(), Some(0), "{}", next.stderr);
}

#[tokio::test]
async fn sigterm_drains_and_hands_the_lease_on() {
    let Some(place) = imported("is-a-dev-fleet").await else { return };
    let mut leader = Running::start(run(&place));
    place.until(SOME_SCANS).await;
    leader.signal("TERM");
    leader.says("stopping").await;
    let ended = leader.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    // All that went out is durable.
    let scanned = place.count("from scan_state where last_completed_at is not null").await;
    let summary = format!("{scanned} scans in ");
    assert!(ended.stderr.contains(&summary), "{summary}: {}", ended.stderr);
    assert!(!ended.stderr.contains("given up"), "{}", ended.stderr);
    assert!(0 < place.count(UNSCANNED).await, "it came to the end of the fleet");
    let free = "select (expires_at < clock_timestamp())::text from leases";
    assert_eq!(text(&place, free).await, "true");
}

/// A run whose flushes wait for a lock that the returned connection holds.
pub(crate) async fn stuck(place: &Place, grace: &str) -> (Running, Client) {
    let (client, connection) =
        tokio_postgres::connect(&place.test.url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    client.batch_execute("begin; lock table scan_state in exclusive mode").await.expect("a lock");
    let mut command = run(place);
    command.env("SCANFLOW_RUN__SHUTDOWN_GRACE", grace);
    let running = Running::start(command);
    let waits = "select count(*) > 0 from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock'";
    place.until(waits).await;
    (running, client)
}

#[tokio::test]
async fn a_second_signal_leaves_at_once() {
    for (second, code) in [("TERM", 143), ("INT", 130)] {
        let Some(place) = imported("moj").await else { return };
        let (mut running, _lock) = stuck(&place, "10m").await;
        running.signal("TERM");
        running.says("stopping").await;
        running.signal(second);
        let ended = running.end().await;
        assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
        assert_eq!(place.count(UNSCANNED).await, 407, "the lock is still held");
    }
}

#[tokio::test]
async fn what_is_stuck_when_the_grace_is_over_is_given_up() {
    let Some(place) = imported("moj").await else { return };
    let (running, lock) = stuck(&place, "200ms").await;
    running.signal("TERM");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("scans were given up and are still due"), "{}", ended.stderr);
    lock.batch_execute("rollback").await.expect("a rollback");
    let again = place.run(&["run", "--once", "--due"]);
    assert_eq!(again.exit, 0, "{}", again.stderr);
    assert_eq!(place.count(UNSCANNED).await, 0);
}

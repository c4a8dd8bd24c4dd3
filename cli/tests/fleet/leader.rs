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
pub(crate) fn run(place: &Place) -> Command {
    let mut command = place.command(&["run", "--rate", "max"]);
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", LEASE_TTL);
    command
}

async fn text(place: &Place, question: &str) -> String {
    let client = place.test.database.client().await.expect("a connection");
    client.query_one(question, &[]).await.expect("an answer").get(0)
}

pub(crate) const SOME_SCANS: &str =
    "select count(*) > 100 from scan_state where last_completed_at is not null";
pub(crate) const UNSCANNED: &str = "from scan_state where last_completed_at is null";

#[tokio::test]
async fn once_leaves_beside_a_leader_and_after_its_death_the_next_one_goes_on() {
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

/// All who need what is locked wait as long as the connection lives.
async fn locked(place: &Place, what: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&place.test.url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    client.batch_execute(&format!("begin; lock table {what} mode")).await.expect("a lock");
    client
}

const WAITS: &str = "select count(*) > 0 from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'";

/// A run whose flushes wait for a lock that the returned connection holds.
pub(crate) async fn stuck(place: &Place, grace: &str) -> (Running, Client) {
    let lock = locked(place, "scan_state in exclusive").await;
    let mut command = run(place);
    command.env("SCANFLOW_RUN__SHUTDOWN_GRACE", grace);
    let running = Running::start(command);
    place.until(WAITS).await;
    (running, lock)
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

#[tokio::test]
async fn a_run_that_waits_for_the_lease_or_the_fleet_ends_when_it_is_told_to() {
    for table in ["schema_migrations", "leases", "scan_state"] {
        let place = Place::filled("").await;
        let _lock = locked(&place, &format!("{table} in access exclusive")).await;
        let running = Running::start(run(&place));
        place.until(WAITS).await;
        running.signal("TERM");
        let ended = running.end().await;
        assert_eq!(ended.status.code(), Some(0), "{table}: {}", ended.stderr);
        let is_begun = table != "schema_migrations";
        assert_eq!(ended.stderr.contains("0 scans in "), is_begun, "{table}: {}", ended.stderr);
    }
}

/// Somebody else leads from now on.
async fn replace_leader(place: &Place) {
    let client = place.test.database.client().await.expect("a connection");
    let other = "update leases set holder = 'another', token = token + 1";
    assert_eq!(client.execute(other, &[]).await.expect("an update"), 1);
}

#[tokio::test]
async fn a_lease_that_is_lost_while_the_fleet_is_read_is_tried_again_later() {
    let place = Place::filled("").await;
    let _lock = locked(&place, "scan_state in access exclusive").await;
    let running = Running::start(run(&place));
    place.until(WAITS).await;
    replace_leader(&place).await;
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(75), "{}", ended.stderr);
    assert!(ended.stderr.contains("the lease is lost"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_lease_that_cannot_be_released_holds_up_no_end() {
    let Some(place) = imported("moj").await else { return };
    let mut command = run(&place);
    // No renewal meets the lock.
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "5m");
    let running = Running::start(command);
    place.until(SOME_SCANS).await;
    let _lock = locked(&place, "leases in access exclusive").await;
    running.signal("TERM");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("could not release the lease"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_lease_that_is_lost_during_a_drain_changes_nothing() {
    let Some(place) = imported("moj").await else { return };
    let (mut running, lock) = stuck(&place, "10m").await;
    running.signal("TERM");
    running.says("stopping: a second").await;
    replace_leader(&place).await;
    running.says("the lease is lost").await;
    lock.batch_execute("rollback").await.expect("a rollback");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("given up"), "{}", ended.stderr);
}

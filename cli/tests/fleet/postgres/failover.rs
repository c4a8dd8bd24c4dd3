//! A primary that moves: it dies, and its standby takes its place.

use std::io::Write;

use scanflow::clock::Clock;
use scanflow::store::postgres::cluster::StopMode;
use scanflow::store::postgres::{Database, DatabaseError};
use scanflow_testing::{TestDatabase, ThrowAwayServer};

use super::{done, undisturbed};
use crate::process::Place;
use crate::running::Running;

const STANDBY: &str = "second";

/// What it acknowledges is on the standby too.
const SYNCHRONOUS: [(&str, &str); 3] = [
    ("wal_level", "replica"),
    ("synchronous_commit", "remote_apply"),
    ("synchronous_standby_names", STANDBY),
];

async fn ask(database: &Database, question: &str) -> Result<i64, DatabaseError> {
    let client = database.client().await?;
    Ok(client.query_one(question, &[]).await?.get(0))
}

#[tokio::test]
async fn a_run_goes_on_when_a_standby_takes_the_place_of_the_primary() {
    // The database is made before anybody has to acknowledge.
    let first = ThrowAwayServer::start(&[("wal_level", "replica")]);
    let expected = undisturbed(&first).await;
    let TestDatabase { url, .. } = scanflow_testing::database_on(&first).await;
    let (_, name) = url.split_once("dbname=").expect("a name");
    let second = ThrowAwayServer::standby_of(&first, STANDBY);
    first.start_again_with(&SYNCHRONOUS);

    // The standby comes first: whoever takes what comes first would meet it.
    let hosts =
        [&second, &first].map(|server| server.socket_folder().display().to_string()).join(",");
    let url = format!("host={hosts} user=scanflow dbname={name}");
    let database = Database::open(&url, 4).expect("a valid URL");
    let place = Place::of(TestDatabase { url, database });
    let database = &place.test.database;
    assert_eq!(ask(database, "select pg_is_in_recovery()::int::bigint").await.expect("one"), 0);
    place.import_sample();
    let mut command = place.command(&["run", "--once"]);
    // A promotion takes as long as it takes on a machine that has more to do.
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "60s");
    let run = Running::start(command);
    let scanned = "select count(last_scheduled_at) from scan_state";
    while ask(database, scanned).await.expect("a count") < 2_000 {}

    first.server().stop(StopMode::Immediate).expect("it stops");
    second.promote();
    let clock = Clock::system();
    let promoted = clock.now();
    let alone = Database::open(&format!("{} dbname={name}", second.url()), 1).expect("a URL");
    let before = ask(&alone, scanned).await.expect("a count");
    assert!(2_000 <= before, "{before} of those that were acknowledged");
    while ask(&alone, scanned).await.expect("a count") <= before {}
    let took = clock.now().since(promoted);
    // Past the capture of the test harness: a figure, not a bound.
    let _ = writeln!(std::io::stderr(), "the run went on {took:?} after the promotion");

    // What comes back as a primary of its own is not met as long as the other one is there.
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(done(&place, &["export"]) == expected, "not what an undisturbed run finds");
}

#[tokio::test]
async fn connections_to_a_former_primary_are_closed() {
    let server = ThrowAwayServer::start(&[]);
    let TestDatabase { database, .. } = scanflow_testing::database_on(&server).await;
    let pid = "select pg_backend_pid()::bigint";
    let (one, other) = (database.client().await, database.client().await);
    drop((one.expect("a connection"), other.expect("a connection")));
    let before = ask(&database, pid).await.expect("a number");
    // A standby says the same as a server that is told so.
    let client = database.client().await.expect("a connection");
    client.batch_execute("set default_transaction_read_only = on").await.expect("set");
    let write = client.execute("delete from asset_changes", &[]).await;
    let err = DatabaseError::from(write.expect_err("it takes no writes"));
    assert_eq!((err.sqlstate().as_str(), err.is_transient()), ("25006", true));
    drop(client);
    let client = database.client().await.expect("a connection");
    client.execute("delete from asset_changes", &[]).await.expect("a new connection");
    drop(client);
    let backends = format!("select count(*) from pg_stat_activity where pid = {before}");
    while ask(&database, &backends).await.expect("a count") != 0 {}
}

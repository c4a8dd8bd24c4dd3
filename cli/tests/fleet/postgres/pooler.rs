//! Behind PgBouncer with `pool_mode = transaction`, whose two servers all connections share.

use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Judged, Outcome, Scan, ScanSequence, Severity,
    UnixTime, Verdict,
};
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::migrate::migrate;
use scanflow::store::postgres::{Database, DatabaseUrl, Pooler};
use scanflow_testing::{PgBouncer, TestDatabase, ThrowAwayServer};
use serde_json::Value;

use super::{done, sample, undisturbed};
use crate::process::Place;
use crate::running::Running;

const SERVERS: u32 = 2;

/// All of the servers that the pooler has for this database.
const KILL: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()";

#[tokio::test]
async fn a_fleet_is_imported_and_scanned_through_a_pooler_whose_servers_die() {
    let server = ThrowAwayServer::start(&[]);
    let Some(bouncer) = PgBouncer::before(&server, SERVERS).await else { return };
    let expected = undisturbed(&server).await;
    let (place, direct) =
        Place::reached(&server, |name| format!("{} dbname={name}", bouncer.url())).await;
    // Two at a time, of which one waits for the other.
    let (first, second) = (sample(), sample());
    let import = |path: std::path::PathBuf| {
        Running::start(place.command(&["import", path.to_str().expect("UTF-8")]))
    };
    let (first, second) = (import(first), import(second));
    for ended in [first.end().await, second.end().await] {
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    }
    assert!(0 < kill(&direct).await, "the pooler keeps its servers");
    while ask(&direct, &KILL.replace("pg_terminate_backend(pid)", "pid")).await != 0 {}

    let mut run = place.command(&["run", "--once", "-v"]);
    // Some flushes are copied, some are not.
    run.env("SCANFLOW_SINK__COPY_FINDINGS_MIN", "1000");
    let mut run = Running::start(run);
    run.says("behind a transaction pooler: statements are not prepared").await;
    let scanned = "select count(last_scheduled_at) from scan_state";
    let assets: i64 = ask(&direct, "select count(*) from scan_state").await;
    for part in 1..4 {
        while ask(&direct, scanned).await < assets * part / 5 {}
        kill(&direct).await;
    }
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(done(&place, &["export"]) == expected, "not what a direct run finds");

    let status: Value =
        serde_json::from_str(&done(&place, &["status", "--output", "json"])).expect("JSON");
    assert_eq!(status["database"]["pooler"], "transaction");
    done(&place, &["insights"]);
    done(&place, &["migrate"]);
    let left = "select count(*) from pg_stat_activity where state like 'idle in transaction%'";
    assert_eq!(ask(&direct, left).await, 0);
}

async fn kill(database: &Database) -> i64 {
    ask(database, KILL).await
}

async fn ask(database: &Database, question: &str) -> i64 {
    let client = database.client().await.expect("a connection");
    client.query_one(question, &[]).await.expect("an answer").get(0)
}

#[tokio::test]
async fn a_pooler_is_noticed_and_nothing_is_prepared_behind_it() {
    let server = ThrowAwayServer::start(&[]);
    let Some(bouncer) = PgBouncer::before(&server, SERVERS).await else { return };
    let TestDatabase { url, .. } = scanflow_testing::database_on(&server).await;
    let (_, name) = url.split_once("dbname=").expect("a name");
    let through = format!("{} dbname={name}", bouncer.url());
    let open =
        |url: &str| Database::at(&DatabaseUrl::new(url), 8, Pooler::Auto).expect("a valid URL");
    let (direct, pooled) = (open(&url), open(&through));
    let found = direct.look_for_pooler(&direct).await.expect("an answer");
    assert_eq!(found, Pooler::None);
    let found = pooled.look_for_pooler(&pooled).await.expect("an answer");
    assert_eq!(found, Pooler::Transaction);

    let prepared = "select count(*) from pg_prepared_statements";
    let value = 7i64;
    for (database, statements) in [(&direct, 1), (&pooled, 0)] {
        let mut client = database.client().await.expect("a connection");
        client.query("select $1", &[&value]).await.expect("rows");
        let transaction = client.transaction().await.expect("a transaction");
        let row = transaction.query_one(prepared, &[]).await.expect("a count");
        assert_eq!(row.get::<_, i64>(0), 2 * statements, "with that of the question itself");
    }
    migrate(&pooled, UnixTime::from_micros(0)).await.expect("nothing to do");
}

/// Of one scan of an asset: so many findings, of which `changed` have the round in their evidence.
fn outcome(asset: i64, round: u64, findings: usize, changed: usize) -> Outcome {
    let found = (0..findings).map(|number| {
        let round = if number < changed { round } else { 0 };
        Finding::new(format!("s{number}"), Severity::Low, serde_json::json!({ "round": round }))
    });
    let fence = Fence { config_version: ConfigVersion(1), sequence: ScanSequence(round) };
    let scan = Scan {
        asset: AssetId(asset),
        fence,
        scheduled_at: UnixTime::from_micros(0),
        duration: Duration::ZERO,
        records: 0,
        measured: None,
    };
    let verdict = Verdict::Fail(found.collect());
    let judged = Judged { check: CheckId::new("t.large"), version: 1, verdict };
    Outcome::new(scan, vec![judged], true)
}

#[tokio::test]
async fn what_is_large_is_copied_behind_a_pooler_too() {
    const ASSETS: i64 = 4;
    let server = ThrowAwayServer::start(&[]);
    let Some(bouncer) = PgBouncer::before(&server, SERVERS).await else { return };
    let (place, direct) =
        Place::reached(&server, |name| format!("{} dbname={name}", bouncer.url())).await;
    let url = DatabaseUrl::new(&place.test.url);
    let pooled = Database::at(&url, 4, Pooler::Transaction).expect("a valid URL");
    let client = direct.client().await.expect("a connection");
    let add = "insert into scan_state (asset_id) select generate_series(1, $1)";
    client.execute(add, &[&ASSETS]).await.expect("new assets");
    let sink = Postgres::new(pooled, Clock::system()).copying_from(0);
    // More flights than servers.
    for (round, findings, changed) in [(1, 3_000, 0), (2, 2_000, 500), (3, 3_000, 0)] {
        let flight = async |asset| {
            let outcomes = [outcome(asset, round, findings, changed)];
            assert_eq!(sink.flush(&outcomes).await.expect("a flush"), [Flushed::Done]);
            assert_eq!(sink.flush(&outcomes).await.expect("a flush"), [Flushed::Duplicate]);
        };
        tokio::join!(flight(1), flight(2), flight(3), flight(4));
    }
    let open = "select count(*) from insights where resolved_at is null";
    assert_eq!(ask(&direct, open).await, ASSETS * 3_000);
    for (change, rows) in [(1, 3_000), (2, 500 + 500), (3, 1_000), (4, 1_000)] {
        let history = format!("select count(*) from insight_events where change = {change}");
        assert_eq!(ask(&direct, &history).await, ASSETS * rows, "{change}");
    }
}

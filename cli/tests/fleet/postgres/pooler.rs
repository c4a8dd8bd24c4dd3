//! Behind PgBouncer with `pool_mode = transaction`, whose two servers all connections share.

use scanflow::model::UnixTime;
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
    assert_eq!(kill(&direct).await, i64::from(SERVERS), "shared by all connections");

    let mut run = Running::start(place.command(&["run", "--once", "-v"]));
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
    done(&place, &["insights", "list"]);
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
        // That of the question itself.
        let own = i64::from(statements);
        assert_eq!(row.get::<_, i64>(0), statements + own);
    }
    migrate(&pooled, UnixTime::from_micros(0)).await.expect("nothing to do");
}

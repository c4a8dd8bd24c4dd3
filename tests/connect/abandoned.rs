//! Statements that are given up while they run.

use std::time::Duration;

use futures_util::TryStreamExt;
use scanflow::store::postgres::{Database, Session};
use scanflow_testing::ThrowAwayServer;

use super::TlsServer;

/// Nobody waits for ever.
const LATEST: Duration = Duration::from_secs(60);

const PID: &str = "select pg_backend_pid()";
const WAITS: &str = "select count(*) from pg_locks where pid = $1 and not granted";
const WITHOUT_END: &str = "select generate_series(1, 1000000000000)";
const LIVES: &str = "select count(*) from pg_stat_activity where pid = $1";

#[tokio::test]
async fn a_statement_that_is_given_up_is_stopped_and_its_connection_not_lent_again() {
    let plain = ThrowAwayServer::start(&[]);
    check(&format!("{} dbname=postgres", plain.url())).await;
    let encrypted = TlsServer::start().await;
    let url = format!("{} user=scanflow sslmode=require", encrypted.at("localhost"));
    check(&url).await;
}

async fn check(url: &str) {
    let admin = Database::open(url, 1).expect("a valid URL");
    let admin = admin.client().await.expect("a connection");
    admin.batch_execute("select pg_advisory_lock(1)").await.expect("a lock");

    let database = Database::open(url, 1).expect("a valid URL");
    let session = database.client().await.expect("a connection");
    let pid: i32 = session.query_one(PID, &[]).await.expect("an answer").get(0);
    tokio::select! {
        answer = session.query("select pg_advisory_lock(1)", &[]) => panic!("it waits: {answer:?}"),
        () = until(&admin, WAITS, pid, 1) => {}
    }
    drop(session);

    let session = database.client().await.expect("room for another one");
    let other: i32 = session.query_one(PID, &[]).await.expect("nothing before it").get(0);
    assert_ne!(other, pid);
    until(&admin, LIVES, pid, 0).await;

    let mut rows = session.rows(WITHOUT_END, &[]).await.expect("rows");
    rows.try_next().await.expect("an answer").expect("the first one");
    drop(rows);
    drop(session);
    until(&admin, LIVES, other, 0).await;
}

async fn until(admin: &Session, question: &str, pid: i32, count: i64) {
    let looking = async {
        while admin.query_one(question, &[&pid]).await.expect("an answer").get::<_, i64>(0) != count
        {
        }
    };
    tokio::time::timeout(LATEST, looking).await.expect("it comes");
}

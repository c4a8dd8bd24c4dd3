//! What a process takes at most of what it shares.

use scanflow_testing::{Metrics, ThrowAwayServer, request};

use super::{done, undisturbed};
use crate::process::Place;
use crate::running::Running;

const BACKENDS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'scanflow-run'";
const IS_COVERED: &str =
    "select not exists (select from scan_state where last_scheduled_at is null)";

async fn metrics(address: &str) -> Metrics {
    Metrics::read(&request(address, "GET", "/metrics").await.1)
}

async fn leading(place: &Place, settings: &[(&str, &str)]) -> (Running, String) {
    let mut command = place.command(&["run", "--rate", "max"]);
    let url = format!("{} application_name=scanflow-run", place.test.url);
    command.env("SCANFLOW_DATABASE__URL", url).envs(settings.iter().copied());
    let mut run = Running::start(command);
    let line = run.says("admin: http://").await;
    let (_, address) = line.split_once("http://").expect("an address");
    (run, address.to_owned())
}

async fn drained(run: Running) {
    run.signal("TERM");
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_run_has_no_more_connections_than_it_may() {
    let server = ThrowAwayServer::start(&[]);
    let expected = undisturbed(&server).await;
    for connections_max in [5, 8] {
        let (place, direct) =
            Place::reached(&server, |name| format!("{} dbname={name}", server.url())).await;
        place.import_sample();
        let limit = connections_max.to_string();
        let (run, address) =
            leading(&place, &[("SCANFLOW_LIMITS__DB_CONNECTIONS_MAX", &limit)]).await;
        let client = direct.client().await.expect("a connection");
        let mut most: i64 = 0;
        while !client.query_one(IS_COVERED, &[]).await.expect("an answer").get::<_, bool>(0) {
            request(&address, "GET", "/readyz").await;
            most = most.max(client.query_one(BACKENDS, &[]).await.expect("a count").get(0));
        }
        assert!((4..=connections_max).contains(&most), "{most} of {connections_max} connections");
        let waits = "scanflow_db_pool_wait_seconds_count";
        assert!(0.0 < metrics(&address).await.sum(waits, &[("pool", "fast")]));
        drained(run).await;
        assert!(done(&place, &["export"]) == expected, "not what is found by more of them");
    }
}

#[tokio::test]
async fn with_too_little_memory_scans_go_one_by_one_and_at_their_end_all_are_done() {
    let server = ThrowAwayServer::start(&[]);
    let (place, direct) =
        Place::reached(&server, |name| format!("{} dbname={name}", server.url())).await;
    done(&place, &["generate", "--zones", "20", "--import"]);
    let (run, address) = leading(&place, &[("SCANFLOW_LIMITS__MEMORY_MAX", "1MiB")]).await;
    let client = direct.client().await.expect("a connection");
    while !client.query_one(IS_COVERED, &[]).await.expect("an answer").get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
    let held_back = "scanflow_backpressure_seconds_total";
    assert!(0.0 < metrics(&address).await.sum(held_back, &[("reason", "memory")]));
    drained(run).await;
}

//! The admin port of a process that runs.

use std::net::TcpListener;
use std::process::Command;

use scanflow_testing::{Metrics, request, shared_data};
use serde_json::{Value, json};

use crate::leader::{LEASE_TTL, stuck};
use crate::process::{Place, run};
use crate::running::Running;

/// A process that runs, with the address of its port.
async fn started(command: Command) -> (Running, String) {
    let mut running = Running::start(command);
    let line = running.says("admin: http://").await;
    let (_, address) = line.split_once("http://").expect("an address");
    (running, address.to_owned())
}

async fn get(address: &str, path: &str) -> (u16, String) {
    request(address, "GET", path).await
}

async fn metrics(address: &str) -> Metrics {
    Metrics::read(&get(address, "/metrics").await.1)
}

#[tokio::test]
async fn the_stages_of_a_real_run_sum_up_to_the_scans() {
    let Some(source) = shared_data("moj") else { return };
    let place = Place::importing(source).await;
    let (running, address) = started(place.command(&["run", "--rate", "max"])).await;
    let count = "scanflow_scan_duration_seconds_count";
    let metrics = loop {
        let metrics = metrics(&address).await;
        let has_begun = metrics.names().contains("scanflow_scan_duration_seconds");
        if has_begun && metrics.sum(count, &[]) == 407.0 {
            break metrics;
        }
        tokio::task::yield_now().await;
    };
    let stages = metrics.sum("scanflow_stage_seconds_sum", &[]);
    let scans = metrics.sum("scanflow_scan_duration_seconds_sum", &[]);
    assert!((stages - scans).abs() < 0.05 * scans, "{stages} s in stages, {scans} s in scans");
    assert_eq!(metrics.sum("scanflow_scans_total", &[("outcome", "done")]), 407.0);
    assert_eq!(metrics.sum("scanflow_assets", &[]), 407.0);
    let opened = metrics.sum("scanflow_sink_rows_total", &[("action", "new")]);
    assert_eq!(opened, place.count("from insights").await as f64);
    let flushes = metrics.sum("scanflow_sink_flush_duration_seconds_count", &[]);
    let round_trips = metrics.sum("scanflow_sink_round_trips_total", &[]);
    assert!(0.0 < flushes && flushes < round_trips, "checks get their numbers as well");
    assert!(0.0 < metrics.sum("process_cpu_seconds_total", &[]));

    // How the source gets on is told twice a second, so the last returns come a little later.
    let status = loop {
        let (_, status) = get(&address, "/status").await;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        if status["run"]["progress"]["in_flight"] == json!({ "fast": 0, "slow": 0 }) {
            break status;
        }
        tokio::task::yield_now().await;
    };
    let plans = status["plans"].as_array().expect("plans").iter();
    assert_eq!(plans.map(|plan| plan["assets"].as_u64().expect("a count")).sum::<u64>(), 407);
    assert_eq!(status["leases"][0]["live"], true);
    running.signal("TERM");
    assert_eq!(running.end().await.status.code(), Some(0));
}

#[tokio::test]
async fn the_graph_that_runs_is_the_one_that_is_planned() {
    let place = Place::of(scanflow_testing::database().await);
    let (running, address) = started(place.command(&["run"])).await;
    let graph = |from: &[&str]| {
        let arguments = [&["graph", "--all", "--output", "json"], from].concat();
        let mut command = place.command(&arguments);
        command.env("SCANFLOW_ADMIN__LISTEN", &address);
        run(command)
    };
    let told = loop {
        let told = graph(&["--running"]);
        if told.exit != 69 {
            break told;
        }
        assert!(told.stderr.contains("has not built its dataflows yet"), "{}", told.stderr);
    };
    assert_eq!((told.exit, told.stdout), (0, graph(&[]).stdout), "{}", told.stderr);
    running.signal("TERM");
    assert_eq!(running.end().await.status.code(), Some(0));
}

#[tokio::test]
async fn while_it_drains_it_is_alive_and_not_ready() {
    let Some(source) = shared_data("moj") else { return };
    let place = Place::importing(source).await;
    let (mut running, _lock) = stuck(&place, "10m").await;
    let line = running.says("admin: http://").await;
    let (_, address) = line.split_once("http://").expect("an address");
    assert_eq!(get(address, "/readyz").await.0, 200);
    running.signal("TERM");
    running.says("stopping").await;
    loop {
        let (status, body) = get(address, "/readyz").await;
        if status == 503 {
            assert!(body.contains("draining"), "{body}");
            break;
        }
    }
    assert_eq!(get(address, "/livez").await.0, 200);
    let (_, status) = get(address, "/status").await;
    assert!(status.contains("\"draining\":true"), "{status}");
    running.signal("TERM");
    assert_eq!(running.end().await.status.code(), Some(143));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_unless_somebody_leads() {
    let place = Place::filled("").await;
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = other.local_addr().expect("an address").to_string();
    let second = || {
        let mut command = place.command(&["run", "--once"]);
        command.env("SCANFLOW_ADMIN__LISTEN", &taken);
        command.env("SCANFLOW_SCHEDULE__LEASE_TTL", LEASE_TTL);
        command
    };
    let ran = run(second());
    assert_eq!(ran.exit, 69, "{}", ran.stderr);
    assert!(ran.stderr.contains("admin.listen") && ran.stderr.contains(&taken), "{}", ran.stderr);
    drop(other);

    let mut first = place.command(&["run"]);
    first.env("SCANFLOW_ADMIN__LISTEN", &taken).env("SCANFLOW_SCHEDULE__LEASE_TTL", LEASE_TTL);
    let (first, address) = started(first).await;
    assert_eq!(address, taken);
    place.until("select count(*) > 0 from leases where clock_timestamp() < expires_at").await;
    let ended = Running::start(second()).end().await;
    assert_eq!(ended.status.code(), Some(75), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!(":{}:", first.pid())), "{}", ended.stderr);
    first.signal("TERM");
    assert_eq!(first.end().await.status.code(), Some(0));
}

#[tokio::test]
async fn it_may_be_off_said_as_a_log_line_and_must_be_an_address() {
    let place = Place::filled("").await;
    let ran = |listen: &str, format: &str| {
        let mut command = place.command(&["run", "--once", "--log-format", format]);
        command.env("SCANFLOW_ADMIN__LISTEN", listen);
        run(command)
    };
    let off = ran("off", "text");
    assert_eq!(off.exit, 0, "{}", off.stderr);
    assert!(!off.stderr.contains("admin"), "{}", off.stderr);
    let json = ran("0.0.0.0:0", "json");
    assert_eq!(json.exit, 0, "{}", json.stderr);
    let lines = json.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<Value> = lines.collect();
    let says = |level: &str, words: &str| {
        lines.iter().any(|line| {
            line["level"] == level && line["msg"].as_str().is_some_and(|msg| msg.contains(words))
        })
    };
    assert!(says("info", "admin: http://0.0.0.0:"), "{}", json.stderr);
    assert!(says("warn", "admin.listen reaches beyond this machine"), "{}", json.stderr);
    for wrong in ["9642", "localhost:9642", "127.0.0.1", "on"] {
        let ran = ran(wrong, "text");
        assert_eq!(ran.exit, 78, "{}", ran.stderr);
        assert!(ran.stderr.contains("SCANFLOW_ADMIN__LISTEN: admin.listen: "), "{}", ran.stderr);
    }
}

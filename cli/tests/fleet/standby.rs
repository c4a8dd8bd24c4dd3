//! A run beside the one that leads: it waits, says so, and leads when that is over.

use std::time::Duration;

use scanflow::store::postgres::cluster::StopMode;
use scanflow::store::postgres::migrate::NEWEST;
use scanflow_testing::{Distance, Metrics, TestDatabase, ThrowAwayServer, request, shared_data};
use serde_json::Value;

use crate::leader::{LEASE_TTL, SOME_SCANS, UNSCANNED, run};
use crate::process::{self, Place};
use crate::running::Running;

/// A process that leads and never dies.
const OTHER_LEADS: &str = "insert into leases values
    ('scheduler', 'elsewhere:7:other', 1, now() + interval '1 hour')";
const OTHER_ENDS: &str = "update leases set expires_at = now() - interval '1 second'";
const STANDS_BY: &str = "standing by: another scanflow schedules this fleet";
const LEADS: &str = "stood by: this process leads now";

/// Its admin port.
async fn address(running: &mut Running) -> String {
    let line = running.says("admin: http://").await;
    line.split_once("http://").expect("an address").1.to_owned()
}

async fn leads(address: &str) -> f64 {
    let (_, metrics) = request(address, "GET", "/metrics").await;
    Metrics::read(&metrics).sum("scanflow_leader", &[])
}

/// What `/status` says of the run.
async fn status(address: &str) -> Value {
    let (_, status) = request(address, "GET", "/status").await;
    serde_json::from_str::<Value>(&status).expect("JSON")["run"].take()
}

/// Without an error.
async fn ends(running: Running) {
    running.signal("TERM");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

async fn fleet() -> Option<Place> {
    Some(Place::importing(shared_data("moj")?).await)
}

#[tokio::test]
async fn who_stands_by_leads_once_the_leader_is_dead_and_scans_what_is_left() {
    let Some(place) = fleet().await else { return };
    let mut first = Running::start(run(&place));
    let first_address = address(&mut first).await;
    place.until(SOME_SCANS).await;
    let mut second = Running::start(run(&place));
    let second_address = address(&mut second).await;
    let said = second.says(STANDS_BY).await;
    assert!(said.contains(&format!(":{}:", first.pid())), "{said}");
    assert_eq!((leads(&first_address).await, leads(&second_address).await), (1.0, 0.0));
    assert_eq!(request(&second_address, "GET", "/readyz").await.0, 200, "it can take over");
    let status_of = status(&second_address).await;
    let why = status_of["stands_by"].as_str().expect("a reason");
    assert!(why.contains(&format!(":{}:", first.pid())), "{why}");
    assert_eq!(status_of["leads"], false);

    first.kill().await;
    second.says(LEADS).await;
    place.until("select token = 2 from leases").await;
    place.until(&format!("select not exists (select {UNSCANNED})")).await;
    assert_eq!(leads(&second_address).await, 1.0);
    let status_of = status(&second_address).await;
    assert_eq!((&status_of["leads"], &status_of["stands_by"]), (&true.into(), &Value::Null));
    ends(second).await;
}

#[tokio::test]
async fn who_stands_by_does_not_wait_for_a_lease_that_was_released() {
    let place = Place::filled("").await;
    let command = || {
        let mut command = run(&place);
        // Nobody would wait here for it to run out.
        command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "5m");
        command
    };
    let first = Running::start(command());
    place.until("select exists (select from leases)").await;
    let mut next = Running::start(command());
    next.says(STANDS_BY).await;
    let mut last = Running::start(command());
    last.says(STANDS_BY).await;
    ends(first).await;
    place.until("select token = 2 from leases").await;
    // Of two one is faster, and the other stands by on.
    let holder = "select holder like '%:' || $1 || ':%' from leases";
    let client = place.test.database.client().await.expect("a connection");
    let pid = next.pid().to_string();
    if !client.query_one(holder, &[&pid]).await.expect("a row").get::<_, bool>(0) {
        std::mem::swap(&mut next, &mut last);
    }
    next.says(LEADS).await;
    let said = last.says(STANDS_BY).await;
    assert!(said.contains(&format!(":{}:", next.pid())), "{said}");
    ends(next).await;
    last.says(LEADS).await;
    ends(last).await;
}

#[tokio::test]
async fn who_stands_by_ends_when_it_is_told_to_and_leaves_the_lease_alone() {
    for signal in ["TERM", "INT"] {
        let place = Place::filled(OTHER_LEADS).await;
        let mut running = Running::start(run(&place));
        running.says(STANDS_BY).await;
        running.signal(signal);
        let ended = running.end().await;
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        let untouched = "from leases where token = 1 and now() < expires_at";
        assert_eq!(place.count(untouched).await, 1);
    }
}

#[tokio::test]
async fn who_stands_by_outlives_the_server_and_does_not_lead_with_another_schema() {
    let server = ThrowAwayServer::start(&[("synchronous_commit", "on")]);
    let place = Place::of(scanflow_testing::database_on(&server).await);
    place.change(OTHER_LEADS).await;
    let mut running = Running::start(run(&place));
    running.says(STANDS_BY).await;
    server.server().stop(StopMode::Immediate).expect("it dies");
    running.says("standing by: asking the database again").await;
    server.start_again();
    running.says("standing by: the database answers again").await;

    // An upgrade begins with the schema.
    let url = &place.test.url;
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    let newer = format!("insert into schema_migrations values ({}, 'x', 'x')", NEWEST + 1);
    client.batch_execute(&format!("{newer}; {OTHER_ENDS}")).await.expect("valid statements");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    assert!(ended.stderr.contains("while this process stood by"), "{}", ended.stderr);
    let free = "select expires_at < clock_timestamp() from leases";
    assert!(client.query_one(free, &[]).await.expect("a row").get::<_, bool>(0), "for the next");
}

#[tokio::test]
async fn who_is_too_far_away_does_not_lead_and_says_why() {
    let server = ThrowAwayServer::start(&[]);
    let distance = Distance::before(&server, Duration::from_millis(300)).await;
    let TestDatabase { url, database } = scanflow_testing::database_on(&server).await;
    let name = url.rsplit_once(' ').expect("a name").1;
    let place = Place::of(TestDatabase { url: format!("{} {name}", distance.url()), database });
    let command = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("SCANFLOW_SINK__COPY_FINDINGS_MIN", "1000"); // measuring takes long from there
        command
    };
    let once = Running::start(command(&["run", "--once"])).end().await;
    assert_eq!(once.status.code(), Some(75), "{}", once.stderr);
    let figures = ["a round trip takes 3", "schedule.lead_rtt_max is 100.0 ms"];
    assert!(figures.iter().all(|figure| once.stderr.contains(figure)), "{}", once.stderr);
    let mut from_anywhere = command(&["run", "--once"]);
    from_anywhere.env("SCANFLOW_SCHEDULE__LEAD_RTT_MAX", "off");
    let once = Running::start(from_anywhere).end().await;
    assert_eq!(once.status.code(), Some(0), "{}", once.stderr);

    let mut running = Running::start(command(&["run"]));
    let address = address(&mut running).await;
    let said = running.says("standing by: the database is too far away").await;
    assert!(figures.iter().all(|figure| said.contains(figure)), "{said}");
    let why = status(&address).await["stands_by"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains(figures[1])), "{why}");
    assert_eq!(place.count("from leases where now() < expires_at").await, 0);
    distance.becomes(Duration::ZERO);
    running.says(LEADS).await;
    // Who leads is not stopped by a way that becomes longer.
    distance.becomes(Duration::from_millis(300));
    place.until("select token = 2 and now() < expires_at from leases").await;
    ends(running).await;
}

#[tokio::test]
async fn who_stands_by_takes_the_port_of_the_leader_over_as_well() {
    let place = Place::filled("").await;
    let mut first = Running::start(run(&place));
    let address_of_both = address(&mut first).await;
    place.until("select exists (select from leases)").await;
    let mut command = run(&place);
    command.env("SCANFLOW_ADMIN__LISTEN", &address_of_both);
    let mut second = Running::start(command);
    let said = second.says("admin.listen").await;
    let pid = format!(":{}:", first.pid());
    assert!(said.contains(&address_of_both) && said.contains(&pid), "{said}");
    second.says(STANDS_BY).await;
    first.kill().await;
    assert_eq!(address(&mut second).await, address_of_both);
    second.says(LEADS).await;
    assert_eq!(leads(&address_of_both).await, 1.0);
    ends(second).await;
}

#[tokio::test]
async fn a_port_that_is_taken_on_the_machine_of_no_leader_is_an_error() {
    let place = Place::filled(OTHER_LEADS).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = other.local_addr().expect("an address").to_string();
    let mut command = place.command(&["run"]);
    command.env("SCANFLOW_ADMIN__LISTEN", &taken).env("SCANFLOW_SCHEDULE__LEASE_TTL", LEASE_TTL);
    let ran = process::run(command);
    assert_eq!(ran.exit, 69, "{}", ran.stderr);
    assert!(ran.stderr.contains("admin.listen") && ran.stderr.contains(&taken), "{}", ran.stderr);
}

//! What probes are told. The clock is set by hand, so an answer is kept until the test says.

use std::time::Duration;

use scanflow::clock::ManualClock;
use scanflow::store::postgres::cluster::StopMode;
use scanflow::store::postgres::migrate::{NEWEST, migrate};
use scanflow_testing::{TestDatabase, ThrowAwayServer, request};
use serde_json::{Value, json};

use super::*;

const START: UnixTime = UnixTime::from_micros(1_700_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

/// A port that is served.
struct Port {
    address: String,
    clock: ManualClock,
    watched: Watched,
}

impl Port {
    async fn of(database: Database) -> Port {
        let clock = ManualClock::at(START);
        let watched = Watched {
            config: Config::default(),
            clock: clock.clock(),
            started_at: START,
            stop: Stop::default(),
            telemetry: Telemetry::default(),
            shape: Arc::default(),
            database,
        };
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(serve(listener, watched.clone()));
        Port { address, clock, watched }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        request(&self.address, "GET", path).await
    }

    /// A probe: its status, and what fails with why.
    async fn probe(&self, path: &str) -> (u16, Vec<(String, String)>) {
        let (status, body) = self.get(path).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["ok"], json!(status == 200));
        let failing = body["failing"].as_array().expect("an array").iter();
        let text = |failing: &Value, key: &str| failing[key].as_str().expect("a text").to_owned();
        (status, failing.map(|failing| (text(failing, "what"), text(failing, "why"))).collect())
    }
}

#[tokio::test]
async fn livez_names_the_workers_that_stand_still() {
    let TestDatabase { database, .. } = scanflow_testing::empty_database().await;
    let port = Port::of(database).await;
    assert_eq!(port.probe("/livez").await, (200, Vec::new()), "before the run");
    let pulse = port.watched.telemetry.pulse();
    let workers = [pulse.of(0, START), pulse.of(1, START)];
    port.clock.advance(29 * SECOND);
    assert_eq!(port.probe("/livez").await, (200, Vec::new()));
    workers[0].beat(START + 29 * SECOND);
    port.clock.advance(SECOND);
    let failing = vec![("worker 1".to_owned(), "has stood still for 30 s".to_owned())];
    assert_eq!(port.probe("/livez").await, (503, failing.clone()));
    assert_eq!(port.probe("/healthz").await, (503, failing));
    workers[1].beat(START + 30 * SECOND);
    assert_eq!(port.probe("/livez").await, (200, Vec::new()));
}

#[tokio::test]
async fn readyz_follows_the_database() {
    let server = ThrowAwayServer::start(&[]);
    let database = Database::open(&format!("{} dbname=postgres", server.url()), 1);
    let database = database.expect("a valid URL");
    let port = Port::of(database.clone()).await;
    let failing = async || {
        port.clock.advance(SECOND);
        let (status, failing) = port.probe("/readyz").await;
        assert_eq!(status == 200, failing.is_empty());
        failing
    };
    let schema = &failing().await[..];
    assert!(
        matches!(schema, [(what, why)] if what == "schema" && why.contains("migrate")),
        "{schema:?}"
    );
    migrate(&database, START).await.expect("valid migrations");
    assert_eq!(failing().await, []);

    let change = async |sql: &str| {
        let client = database.client().await.expect("a connection");
        client.batch_execute(sql).await.expect("a valid statement");
    };
    change("set default_transaction_read_only = on").await;
    assert_eq!(failing().await, [("database".to_owned(), "it is read-only".to_owned())]);
    change("set default_transaction_read_only = off").await;
    let newer = format!("insert into schema_migrations values ({}, 'x', 'x')", NEWEST + 1);
    change(&newer).await;
    let schema = &failing().await[..];
    assert!(
        matches!(schema, [(what, why)] if what == "schema" && why.contains("upgrade")),
        "{schema:?}"
    );
    change(&format!("delete from schema_migrations where version > {NEWEST}")).await;
    assert_eq!(failing().await, []);

    server.server().stop(StopMode::Immediate).expect("it stops");
    assert_eq!(port.probe("/readyz").await.0, 200, "an answer is kept for a second");
    let gone = &failing().await[..];
    assert!(matches!(gone, [(what, _)] if what == "database"), "{gone:?}");
    port.clock.advance(SECOND);
    let (_, metrics) = port.get("/metrics").await;
    assert!(metrics.contains("\nscanflow_db_up 0\n"), "{metrics}");
    assert!(!metrics.contains("\nscanflow_db_rtt_seconds "), "{metrics}");
    assert_eq!(port.probe("/livez").await.0, 200, "a restart would not help");

    let folder = server.url().split(' ').next().expect("a host").replace("host=", "");
    let settings = [("listen_addresses", String::new()), ("unix_socket_directories", folder)];
    server.server().start(&settings).expect("it starts again");
    assert_eq!(failing().await, []);
    let (_, metrics) = port.get("/metrics").await;
    assert!(metrics.contains("\nscanflow_db_up 1\n"), "{metrics}");

    port.watched.stop.request();
    let draining = [("job".to_owned(), "is draining".to_owned())];
    assert_eq!(port.probe("/readyz").await, (503, draining.to_vec()), "told at once");
    assert_eq!(port.probe("/livez").await.0, 200);
}

#[tokio::test]
async fn only_what_there_is_is_answered_and_nothing_is_changed() {
    let TestDatabase { database, .. } = scanflow_testing::database().await;
    let port = Port::of(database).await;
    let status = async |method, path| request(&port.address, method, path).await.0;
    assert!(port.watched.shape.set(Shape::default()).is_ok());
    for path in ["/metrics", "/livez", "/healthz", "/readyz", "/status", "/graph"] {
        assert_eq!(status("GET", path).await, 200, "{path}");
        assert_eq!(request(&port.address, "HEAD", path).await, (200, String::new()), "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(status(method, path).await, 405, "{method} {path}");
        }
    }
    for path in ["/", "/metrics/", "/nothing"] {
        assert_eq!(status("GET", path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn before_the_run_the_status_says_so() {
    let TestDatabase { database, .. } = scanflow_testing::database().await;
    let port = Port::of(database).await;
    port.clock.advance(5 * SECOND);
    let (_, body) = port.get("/status").await;
    let status: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&status["v"], &status["plans"]), (&json!(1), &json!([])));
    assert_eq!((&status["leases"], &status["dead_letters"]), (&json!([]), &json!(0)));
    assert_eq!(status.get("insights_open"), None, "nobody has counted");
    let run = &status["run"];
    assert_eq!((&run["uptime_seconds"], &run["draining"]), (&json!(5.0), &json!(false)));
    assert_eq!(run["progress"], Value::Null);
    assert_eq!(run["stage_seconds"]["slow"]["write"], 0.0);
    let unbuilt = [("job".to_owned(), "has not built its dataflows yet".to_owned())];
    assert_eq!(port.probe("/graph").await, (503, unbuilt.to_vec()));
}

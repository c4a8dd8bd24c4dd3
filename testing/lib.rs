//! Real parts for tests: a Postgres of their own, and the shared fleets.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scanflow::clock::Clock;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::migrate::migrate;
use uuid::Uuid;

pub use distance::Distance;
pub use expected::{Expected, Subject, assert_same, json_lines, json_text};
pub use http::request;
pub use metrics::Metrics;
pub use pgbouncer::PgBouncer;
pub use server::ThrowAwayServer;

mod distance;
mod expected;
mod http;
mod metrics;
mod pgbouncer;
mod server;

/// An empty, migrated database that no other test uses.
#[derive(Debug)]
pub struct TestDatabase {
    pub url: String,
    pub database: Database,
}

/// Creates a database with the newest schema.
///
/// # Panics
/// If Postgres is missing or fails.
pub async fn database() -> TestDatabase {
    migrated(empty_database().await).await
}

/// As [`database`], on this server.
///
/// # Panics
/// If Postgres fails.
pub async fn database_on(server: &ThrowAwayServer) -> TestDatabase {
    migrated(created(&server.url()).await).await
}

/// Creates a database without any schema.
///
/// # Panics
/// If Postgres is missing or fails.
pub async fn empty_database() -> TestDatabase {
    created(server_url()).await
}

async fn migrated(test: TestDatabase) -> TestDatabase {
    migrate(&test.database, Clock::system().now()).await.expect("valid migrations");
    test
}

async fn created(server: &str) -> TestDatabase {
    let name = format!("test_{}", Uuid::new_v4().simple());
    let admin = Database::open(&format!("{server} dbname=postgres"), 1).expect("a valid URL");
    let admin = admin.client().await.expect("a connection");
    admin.batch_execute(&format!("create database {name}")).await.expect("a database");
    let url = format!("{server} dbname={name}");
    let database = Database::open(&url, 8).expect("a valid URL");
    TestDatabase { url, database }
}

/// The server of this process' tests: the one of `SCANFLOW_TEST_URL`, which serves to test other
/// versions of Postgres, or a throw-away one that is started for the first test.
fn server_url() -> &'static str {
    static SERVER: OnceLock<(String, Option<ThrowAwayServer>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| match std::env::var("SCANFLOW_TEST_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let server = ThrowAwayServer::start(&[]);
            (server.url(), Some(server))
        }
    });
    url
}

/// The root of this checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// A folder of the shared data, which lies beside the checkout. None, with a line that says so, if
/// it is missing outside of CI.
///
/// # Panics
/// If it is missing and `CI` is set.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = workspace().join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    {
        eprintln!("SKIPPED: {} is missing", path.display());
    }
    None
}

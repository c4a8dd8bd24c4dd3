//! Real parts for tests: a Postgres of their own, and the shared fleets.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use scanflow::store::postgres::Database;

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
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("SCANFLOW_TEST_URL").expect("SCANFLOW_TEST_URL");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let admin = Database::open(&format!("{server} dbname=postgres"), 1).expect("a server");
    let admin = admin.client().await.expect("a connection");
    admin.batch_execute(&format!("create database {name}")).await.expect("a database");
    let url = format!("{server} dbname={name}");
    let database = Database::open(&url, 8).expect("a database");
    let client = database.client().await.expect("a connection");
    let folder = std::fs::read_dir(workspace().join("migrations")).expect("a readable folder");
    let mut files: Vec<PathBuf> =
        folder.map(|entry| entry.expect("a readable entry").path()).collect();
    files.sort_unstable();
    for file in files {
        let sql = std::fs::read_to_string(file).expect("a migration");
        client.batch_execute(&sql).await.expect("a valid migration");
    }
    drop(client);
    TestDatabase { url, database }
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

//! The embedded Postgres under the real binary.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use scanflow::store::postgres::Database;
use scanflow::store::postgres::cluster::Cluster;
use tempfile::TempDir;

use crate::process::{Ran, run, scanflow};

mod backup;
mod killed;
mod refused;

/// A folder with a state directory, and files beside it.
struct Private {
    folder: TempDir,
}

impl Private {
    fn new() -> Private {
        let folder = tempfile::tempdir().expect("a folder");
        // The server is another user if this one is root.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
        Private { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scanflow(self.folder.path(), arguments);
        command.env("SCANFLOW_STATE_DIR", self.path("state"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }

    /// What it printed; it has to do it.
    fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
        ran
    }

    fn import(&self, path: &Path) {
        self.done(&["import", path.to_str().expect("UTF-8")]);
    }

    fn exported(&self) -> String {
        self.done(&["export"]).stdout
    }

    /// A user of its Postgres beside the binary.
    async fn join(&self) -> (Cluster, Database) {
        let cluster = Cluster::start_as_it_is(&self.path("state")).await.expect("a cluster");
        let database = Database::open(cluster.url(), 2).expect("a valid URL");
        (cluster, database)
    }
}

async fn count(database: &Database, sql: &str) -> i64 {
    let client = database.client().await.expect("a connection");
    client.query_one(&format!("select count(*) {sql}"), &[]).await.expect("a count").get(0)
}

async fn change(database: &Database, sql: &str) {
    let client = database.client().await.expect("a connection");
    client.batch_execute(sql).await.expect("valid statements");
}

//! One run of the binary, and what it left.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use scanflow_testing::TestDatabase;
use tempfile::TempDir;

/// The binary in a folder of its own, with nothing of ours in its environment.
pub(crate) fn scanflow(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scanflow"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("SCANFLOW_") || ["RUST_LOG", "NO_COLOR"].contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    // Processes of other tests listen as well.
    command.env("SCANFLOW_ADMIN__LISTEN", "127.0.0.1:0");
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            exit: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Ran {
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

pub(crate) fn run(mut command: Command) -> Ran {
    command.output().expect("it starts").into()
}

/// A folder and a database of one test.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) test: TestDatabase,
}

impl Place {
    /// Filled by the statements.
    pub(crate) async fn filled(sql: &str) -> Place {
        let place = Place::of(scanflow_testing::database().await);
        place.change(sql).await;
        place
    }

    pub(crate) fn of(test: TestDatabase) -> Place {
        Place { folder: tempfile::tempdir().expect("a folder"), test }
    }

    pub(crate) async fn change(&self, sql: &str) {
        let client = self.test.database.client().await.expect("a connection");
        client.batch_execute(sql).await.expect("valid statements");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scanflow(self.folder.path(), arguments);
        command.env("SCANFLOW_DATABASE__URL", &self.test.url);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }
}

//! The password of the database is seen nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use scanflow::store::postgres::Database;
use scanflow_testing::{ThrowAwayServer, shared_data};
use tempfile::TempDir;

use crate::process::scanflow;
use crate::running::{Ended, Running, WAIT_MAX};

const CANARY: &str = "c4n4ry-0f-th3-fl33t";

/// A server that lets nobody in without a password, and a folder with the file of the URL.
struct Guarded {
    server: ThrowAwayServer,
    folder: TempDir,
}

impl Guarded {
    async fn start() -> Guarded {
        let server = ThrowAwayServer::start_with(&[], |server| {
            let rules = server.data.join("pg_hba.conf");
            let others = fs::read_to_string(&rules).expect("rules");
            let first = "local all guarded scram-sha-256";
            fs::write(&rules, format!("{first}\n{others}")).expect("written");
        });
        let url = format!("{} dbname=postgres", server.url());
        let admin = Database::open(&url, 1).expect("a valid URL");
        let admin = admin.client().await.expect("a connection");
        for statement in [
            &format!("create role guarded login password '{CANARY}'"),
            "create database fleet owner guarded",
        ] {
            admin.batch_execute(statement).await.expect("a valid statement");
        }
        Guarded { server, folder: tempfile::tempdir().expect("a folder") }
    }

    fn url(&self, password: &str) -> String {
        format!("{} user=guarded dbname=fleet password={password}", self.server.url())
    }

    fn file(&self, name: &str, url: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, url).expect("a written file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// With everything told that can be.
    fn command(&self, file: &PathBuf, arguments: &[&str]) -> Command {
        let mut command = scanflow(self.folder.path(), arguments);
        command.args(["--log-format", "json"]).env("SCANFLOW_DATABASE__URL_FILE", file);
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        command
    }
}

fn assert_silent(what: &str, ended: &Ended) {
    for (stream, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        assert!(!text.contains(CANARY), "{what} tells the password on {stream}");
    }
}

#[tokio::test]
async fn no_command_tells_the_password() {
    let Some(moj) = shared_data("moj") else { return };
    let guarded = Guarded::start().await;
    let file = guarded.file("url", &guarded.url(CANARY));
    let migrated = Running::start(guarded.command(&file, &["migrate"])).end().await;
    assert_eq!(migrated.status.code(), Some(0), "{}", migrated.stderr);
    assert_silent("migrate", &migrated);

    let moj = moj.to_str().expect("UTF-8");
    for arguments in [
        &["import", moj][..],
        &["run", "--once"],
        &["insights"],
        &["status"],
        &["validate"],
        &["export"],
    ] {
        for verbose in [&[][..], &["-vv"]] {
            let mut command = guarded.command(&file, arguments);
            command.args(verbose);
            let ended = Running::start(command).end().await;
            assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", ended.stderr);
            // Libraries, which know the whole URL, have their say.
            let is_asked = verbose.is_empty();
            assert_eq!(is_asked, ended.stderr.contains("tokio_postgres"), "{arguments:?}");
            assert_silent(arguments[0], &ended);
            // Each line of the log is an object, whatever is in it.
            for line in ended.stderr.lines() {
                serde_json::from_str::<serde_json::Value>(line).expect(line);
            }
        }
    }
}

#[tokio::test]
async fn no_error_tells_the_password() {
    let guarded = Guarded::start().await;
    let wrong = guarded.url(&format!("{CANARY}-but-wrong"));
    for (name, url, exit) in [
        ("refused", wrong, 69),
        ("unreachable", format!("postgres://guarded:{CANARY}@127.0.0.1:1/fleet"), 69),
        ("no schema", guarded.url(CANARY), 69),
        ("no database", format!("{} dbname=none", guarded.url(CANARY)), 69),
        ("broken", format!("postgres://guarded:{CANARY}@127.0.0.1:port/fleet"), 78),
    ] {
        let file = guarded.file(name, &url);
        for arguments in [&["import", "."][..], &["run", "--once"], &["insights"], &["status"]] {
            let ended = Running::start(guarded.command(&file, arguments)).end().await;
            assert_silent(name, &ended);
            assert_eq!(ended.status.code(), Some(exit), "{name} {arguments:?}: {}", ended.stderr);
        }
    }
}

/// Other users see the arguments of a process.
#[tokio::test]
async fn a_running_process_shows_no_password() {
    let guarded = Guarded::start().await;
    let file = guarded.file("url", &guarded.url(CANARY));
    let migrated = Running::start(guarded.command(&file, &["migrate"])).end().await;
    assert_eq!(migrated.status.code(), Some(0), "{}", migrated.stderr);

    let mut command = guarded.command(&file, &["run", "-vv"]);
    command.env_remove("RUST_LOG");
    let running = Running::start(command);
    let database = Database::open(&guarded.url(CANARY), 1).expect("a valid URL");
    let client = database.client().await.expect("a connection");
    let leads = async {
        while client.query("select 1 from leases", &[]).await.expect("an answer").is_empty() {}
    };
    tokio::time::timeout(WAIT_MAX, leads).await.expect("it leads");
    for name in ["cmdline", "environ"] {
        let text = fs::read(format!("/proc/{}/{name}", running.pid())).expect("a living process");
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains("-vv") || text.contains("URL_FILE"), "{name}: {text}");
        assert!(!text.contains(CANARY), "{name} holds the password");
    }
    running.signal("TERM");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_silent("run", &ended);
}

//! A Postgres that forgets everything and cannot outlive the process that started it.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use scanflow::store::postgres::cluster::{
    ClusterError, Search, Server, ServerUser, StopMode, USER,
};
use uuid::Uuid;

/// Stops the server and removes its folder when its input ends, which it does however the process
/// at the other end of the pipe dies. A server that a test froze would not hear of it.
const GUARD: &str = r#"read _
kill -CONT "$(head -n 1 "$2/postmaster.pid")"
"$1" stop -s -m immediate -w -D "$2"
rm -rf "$3""#;

/// Faster than safe, and room for many tests at once.
const SETTINGS: [(&str, &str); 7] = [
    ("listen_addresses", ""),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "300"),
    ("shared_buffers", "128MB"),
    ("autovacuum_naptime", "10s"),
];

/// Running until it is dropped or its process ends.
#[derive(Debug)]
pub struct ThrowAwayServer {
    folder: PathBuf,
    server: Server,
    settings: Vec<(String, String)>,
    guard: Child,
}

impl ThrowAwayServer {
    /// Starts a fresh server; `settings` come after its own.
    ///
    /// # Panics
    /// If Postgres is missing or does not start.
    pub fn start(settings: &[(&str, &str)]) -> ThrowAwayServer {
        ThrowAwayServer::start_with(settings, |_| ())
    }

    /// As [`ThrowAwayServer::start`], with everything that is its own below a folder.
    ///
    /// # Panics
    /// If Postgres is missing or does not start.
    pub fn start_in(parent: &Path, settings: &[(&str, &str)]) -> ThrowAwayServer {
        ThrowAwayServer::start_below(parent, settings, |_| ())
    }

    /// As [`ThrowAwayServer::start`]; `prepare` sees the server before it starts.
    ///
    /// # Panics
    /// If Postgres is missing or does not start.
    pub fn start_with(settings: &[(&str, &str)], prepare: impl FnOnce(&Server)) -> ThrowAwayServer {
        // The path of a socket is short.
        let parent = std::env::temp_dir();
        let parent = if parent.as_os_str().len() < 60 { parent } else { PathBuf::from("/tmp") };
        ThrowAwayServer::start_below(&parent, settings, prepare)
    }

    fn start_below(
        parent: &Path,
        settings: &[(&str, &str)],
        prepare: impl FnOnce(&Server),
    ) -> ThrowAwayServer {
        ThrowAwayServer::start_from(parent, settings, |server| {
            server.initialise(&["--no-sync"]).expect("a data folder");
            prepare(server);
        })
    }

    /// With the data folder that `make` makes.
    fn start_from(
        parent: &Path,
        settings: &[(&str, &str)],
        make: impl FnOnce(&Server),
    ) -> ThrowAwayServer {
        let (folder, server) = folder_and_server(parent);
        let guard = server
            .user
            .command(Path::new("/bin/sh"))
            .args(["-c", GUARD, "sh"])
            .arg(server.binaries.folder.join("pg_ctl"))
            .args([&server.data, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        make(&server);
        let socket = ("unix_socket_directories", folder.join("s").display().to_string());
        let own = SETTINGS.iter().chain(settings).map(|(name, value)| (*name, (*value).to_owned()));
        let settings = own.chain([socket]).map(|(name, value)| (name.to_owned(), value)).collect();
        let started = ThrowAwayServer { folder, server, settings, guard };
        started.start_again();
        started
    }

    /// A standby that follows `primary`, which has to allow replication by the socket, under this
    /// name.
    ///
    /// # Panics
    /// If Postgres fails.
    pub fn standby_of(primary: &ThrowAwayServer, name: &str) -> ThrowAwayServer {
        let parent = primary.folder.parent().expect("a folder above it");
        let source = format!("{} application_name={name}", primary.url());
        ThrowAwayServer::start_from(parent, &[], |server| {
            let backup = server
                .user
                .command(&server.binaries.folder.join("pg_basebackup"))
                .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
                .args(["--wal-method=stream", "--dbname", &source, "--pgdata"])
                .arg(&server.data)
                .output()
                .expect("pg_basebackup");
            assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
        })
    }

    /// Makes a standby the primary, and waits until it is.
    ///
    /// # Panics
    /// If Postgres fails.
    pub fn promote(&self) {
        let server = &self.server;
        let mut promote = server.user.command(&server.binaries.folder.join("pg_ctl"));
        promote.args(["promote", "-w", "-s", "-D"]).arg(&server.data);
        assert!(promote.status().expect("pg_ctl").success(), "it is promoted");
    }

    /// After it was stopped or has died.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&self) {
        let settings = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        self.server.start(&settings.collect::<Vec<_>>()).expect("a server");
    }

    /// Stops it, and starts it with settings that come after those that it had.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again_with(&self, settings: &[(&str, &str)]) {
        self.server.stop(StopMode::Fast).expect("it stops");
        let had = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let new = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        self.server.start(&had.chain(new).collect::<Vec<_>>()).expect("a server");
    }

    /// Without a database.
    pub fn url(&self) -> String {
        format!("host={} user={USER}", self.folder.join("s").display())
    }

    /// Where everything lies that is its own.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn socket_folder(&self) -> PathBuf {
        self.folder.join("s")
    }

    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Drop for ThrowAwayServer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Without Postgres nothing in a binary that asks for it can be tested: outside of CI it ends here,
/// past the capture of the harness, which would show it for failures alone.
fn missing(err: &ClusterError) -> ! {
    assert!(std::env::var_os("CI").is_none(), "{err}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: every test of this binary that is left: {err}");
    std::process::exit(0)
}

/// A folder that every user can pass and nobody but the server's can read.
fn folder_and_server(parent: &Path) -> (PathBuf, Server) {
    let binaries = Search::from_environment().newest().unwrap_or_else(|err| missing(&err));
    let user = ServerUser::for_data(Path::new("/nowhere")).unwrap_or_else(|err| panic!("{err}"));
    let name = format!("scanflow-test-{}", &Uuid::new_v4().simple().to_string()[..12]);
    let folder = parent.join(name);
    user.check_reaches(parent).unwrap_or_else(|err| panic!("{err}"));
    for (path, mode) in [(folder.clone(), 0o755), (folder.join("s"), 0o700)] {
        DirBuilder::new().mode(mode).create(&path).expect("a folder");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        user.give(&path).expect("an owner");
    }
    let (data, log) = (folder.join("data"), folder.join("log"));
    (folder, Server { binaries, user, data, log })
}

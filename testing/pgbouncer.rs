//! A PgBouncer before a server, which gives each transaction any of few connections.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use scanflow::store::postgres::cluster::USER;
use uuid::Uuid;

use crate::ThrowAwayServer;

const PORT: u16 = 6432;
/// For it to listen; it takes milliseconds.
const TRIES_MAX: u32 = 1_000;

/// Ends it and removes its folder when its input ends, however the process at the other end dies.
const GUARD: &str = r#""$1" -q "$2/pgbouncer.ini" &
read _
kill "$!"
wait "$!"
rm -rf "$2""#;

/// Running until it is dropped or its process ends.
#[derive(Debug)]
pub struct PgBouncer {
    folder: PathBuf,
    guard: Child,
}

impl PgBouncer {
    /// Gives each transaction one of `pool_size` connections. None, with a line that says so, if the
    /// program is missing outside of CI.
    ///
    /// # Panics
    /// If it does not start, or is missing and `CI` is set.
    pub async fn before(server: &ThrowAwayServer, pool_size: u32) -> Option<PgBouncer> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "pgbouncer is missing");
            #[expect(clippy::print_stderr, reason = "a skipped test says why")]
            {
                eprintln!("SKIPPED: pgbouncer is missing");
            }
            return None;
        };
        let user = &server.server().user;
        let name = format!("scanflow-pool-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let folder = server.folder().parent().expect("a folder above it").join(name);
        DirBuilder::new().mode(0o755).create(&folder).expect("a folder");
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("a mode");
        user.give(&folder).expect("an owner");
        let settings = format!(
            "[databases]\n* = host={} user={USER}\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\n\
             unix_socket_dir = {}\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {pool_size}\nmax_client_conn = 200\n",
            server.socket_folder().display(),
            folder.display(),
        );
        fs::write(folder.join("pgbouncer.ini"), settings).expect("a file");
        let guard = user
            .command(Path::new("/bin/sh"))
            .args(["-c", GUARD, "sh"])
            .args([&program, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let bouncer = PgBouncer { folder, guard };
        let socket = bouncer.folder.join(format!(".s.PGSQL.{PORT}"));
        for _ in 0..TRIES_MAX {
            if tokio::net::UnixStream::connect(&socket).await.is_ok() {
                return Some(bouncer);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("pgbouncer does not listen on {}", socket.display());
    }

    /// Without a database.
    pub fn url(&self) -> String {
        format!("host={} port={PORT} user={USER}", self.folder.display())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Distributions put it where only root looks.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

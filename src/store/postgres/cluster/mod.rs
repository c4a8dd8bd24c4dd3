//! The embedded default: a private Postgres under the state folder, behind a Unix socket, shared by
//! all scanflow processes that use the folder.
//!
//! Whoever uses it holds a shared lock; who leaves last stops the server. Starting and stopping are
//! done one after the other, under a second lock. The system takes both locks from a process that
//! is killed, so its server stays behind as an orphan, and the next one to come takes it over.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use account::ServerUser;
pub use backup::{BackedUp, BackupError, Contents, Counts, Restore};
pub use binaries::{Binaries, MAJORS, Search};
pub use error::ClusterError;
pub use server::{Server, StopMode, USER, major_of};

use super::Database;
use super::error::DatabaseError;
use super::migrate;
use crate::clock::Clock;

mod account;
mod backup;
mod binaries;
mod error;
mod install;
mod server;
mod socket;
mod users;
mod watch;

const DATABASE: &str = "scanflow";
/// Where a restore works beside the database, and where that one is while it is dropped.
const RESTORING: &str = "scanflow_restoring";
const REPLACED: &str = "scanflow_replaced";

/// How long to wait for a server that was taken over while it recovers.
const READY_TRIES_MAX: u32 = 6_000;
const READY_PAUSE: Duration = Duration::from_millis(100);

/// The server belongs to one machine's fleet and shares its memory with the workers.
const SETTINGS: [(&str, &str); 14] = [
    ("listen_addresses", ""),
    ("port", "5432"), // names the socket
    ("unix_socket_permissions", "0700"),
    ("max_connections", "100"),
    ("shared_buffers", "256MB"),
    ("synchronous_commit", "on"),
    ("wal_compression", "on"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("log_checkpoints", "off"),
    ("autovacuum_naptime", "15s"),
    ("random_page_cost", "1.1"),
    ("jit", "off"), // compiles for longer than these queries run
    ("timezone", "UTC"),
];

/// What a cluster is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    pub search: Search,
    /// Where the folder of the socket may be made, the preferred first.
    pub socket_parents: Vec<PathBuf>,
}

impl Setup {
    pub fn from_environment() -> Setup {
        Setup { search: Search::from_environment(), socket_parents: socket::parents() }
    }
}

/// The private Postgres, running as long as this lives. Dropping it may wait for the server's end.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    member: Member,
}

impl Cluster {
    /// Joins the server of `state_dir`, starting it and making its database if need be, and brings
    /// the schema up to date.
    pub async fn start(state_dir: &Path, clock: &Clock) -> Result<Cluster, ClusterError> {
        Cluster::start_with(state_dir, clock, Setup::from_environment()).await
    }

    /// As [`Cluster::start`], with nothing taken from the environment.
    pub async fn start_with(
        state_dir: &Path,
        clock: &Clock,
        setup: Setup,
    ) -> Result<Cluster, ClusterError> {
        let mut cluster = Cluster::join(state_dir, setup, Company::Welcome).await?;
        let database = Database::open(&cluster.url, 1)?;
        migrate::migrate(&database, clock.now()).await?;
        cluster.member.starting = None;
        Ok(cluster)
    }

    /// As [`Cluster::start`], with the schema left as it is.
    pub async fn start_as_it_is(state_dir: &Path) -> Result<Cluster, ClusterError> {
        let setup = Setup::from_environment();
        let mut cluster = Cluster::join(state_dir, setup, Company::Welcome).await?;
        cluster.member.starting = None;
        Ok(cluster)
    }

    /// Others that come wait until this lets go of `starting`.
    async fn join(
        state_dir: &Path,
        setup: Setup,
        company: Company,
    ) -> Result<Cluster, ClusterError> {
        let state_dir = state_dir.to_owned();
        let joining =
            tokio::task::spawn_blocking(move || Member::join(&state_dir, &setup, company));
        let member = joining.await.map_err(|err| ClusterError::Program {
            program: "the start of Postgres",
            reason: err.to_string(),
        })??;
        let cluster = Cluster { url: member.url(DATABASE), member };
        ensure_database(&cluster.member.url("postgres")).await?;
        Ok(cluster)
    }

    /// For [`Database::open`]. It holds no secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process of the server.
    pub fn server_pid(&self) -> Option<u32> {
        self.member.server.pid()
    }

    /// Leaves it, as dropping does, and says what went wrong.
    pub fn stop(mut self) -> Result<(), ClusterError> {
        self.member.leave()
    }
}

async fn ensure_database(url: &str) -> Result<(), DatabaseError> {
    let admin = Database::open(url, 1)?;
    let mut tries = 0;
    let client = loop {
        match admin.client().await {
            Err(err) if err.is_transient() && tries < READY_TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(READY_PAUSE).await;
            }
            result => break result?,
        }
    };
    // A restore that ended early left them; one under way would hold the lock.
    for name in [RESTORING, REPLACED] {
        client.batch_execute(&format!("drop database if exists {name} with (force)")).await?;
    }
    let exists = "select exists (select from pg_database where datname = $1)";
    if !client.query_one(exists, &[&DATABASE]).await?.get::<_, bool>(0) {
        client.batch_execute(&format!("create database {DATABASE}")).await?;
    }
    Ok(())
}

/// Whether others may use the server at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    Welcome,
    Refused,
}

/// One user of the server among several processes. Dropping it leaves.
#[derive(Debug)]
struct Member {
    state_dir: PathBuf,
    server: Server,
    socket: PathBuf,
    /// Locked, shared, as long as the server is used. None: left.
    users: Option<File>,
    /// Locked while the server is started or stopped.
    starting: Option<File>,
    /// Changed while the server is started or stopped.
    has_left: Arc<AtomicBool>,
}

impl Member {
    fn join(state_dir: &Path, setup: &Setup, company: Company) -> Result<Member, ClusterError> {
        let is_new = !state_dir.exists();
        fs::create_dir_all(state_dir)
            .map_err(|source| ClusterError::StateDir { path: state_dir.to_owned(), source })?;
        let state_dir = state_dir
            .canonicalize()
            .map_err(|source| ClusterError::StateDir { path: state_dir.to_owned(), source })?;
        let starting = lock_file(&state_dir, "postgres.lock")?;
        let failed = |source| ClusterError::StateDir { path: state_dir.clone(), source };
        starting.lock().map_err(failed)?;

        let users = lock_file(&state_dir, "postgres.users")?;
        let is_alone = users.try_lock().is_ok();
        if company == Company::Refused && !is_alone {
            return Err(ClusterError::InUse { by: users::named(&users), state_dir });
        }
        // Nobody wants it for himself: that takes the other lock.
        users.lock_shared().map_err(failed)?;

        let data = state_dir.join("postgres");
        let major = major_of(&data)?;
        let user = ServerUser::for_data(if major.is_some() { &data } else { Path::new("") })?;
        let binaries = setup.search.find(&data, major)?;
        if is_new && user.is_other() {
            // It has to pass, whatever the umask says; what is secret is in the data folder.
            fs::set_permissions(&state_dir, Permissions::from_mode(0o755)).map_err(failed)?;
        }
        user.check_reaches(&state_dir)?;
        let log = state_dir.join("postgres.log");
        let server = Server { binaries, user, data, log };
        if major.is_none() {
            server.initialise(&[])?;
        }
        let mut member = Member {
            state_dir: state_dir.clone(),
            server,
            socket: PathBuf::new(),
            users: Some(users),
            starting: Some(starting),
            has_left: Arc::default(),
        };
        member.ensure_running(setup, is_alone)?;
        Ok(member)
    }

    fn ensure_running(&mut self, setup: &Setup, is_alone: bool) -> Result<(), ClusterError> {
        let memory = self.socket_memory();
        let remembered = socket::remembered(&memory, &self.server.user);
        if self.server.is_running() {
            if let Some(folder) = remembered.as_ref().filter(|folder| socket::answers(folder)) {
                self.socket = folder.clone();
                return Ok(());
            }
            if !is_alone {
                return Err(ClusterError::SocketLost { data: self.server.data.clone() });
            }
            self.server.stop(StopMode::Fast)?;
        } else if is_alone || self.server.is_zombie() {
            self.server.forget_dead();
        }
        self.socket = match remembered {
            // Who uses a server that has died looks for the next one here.
            Some(folder) => {
                socket::clear(&folder);
                folder
            }
            None => socket::create(&setup.socket_parents, &self.server.user)?,
        };
        socket::remember(&memory, &self.socket)
            .map_err(|source| ClusterError::StateDir { path: memory, source })?;
        self.server.start(&settings(&self.socket))
    }

    fn leave(&mut self) -> Result<(), ClusterError> {
        let Some(users) = self.users.take() else { return Ok(()) };
        let failed = |source| ClusterError::StateDir { path: self.state_dir.clone(), source };
        let _starting = match self.starting.take() {
            Some(starting) => starting,
            None => {
                let starting = lock_file(&self.state_dir, "postgres.lock")?;
                starting.lock().map_err(failed)?;
                starting
            }
        };
        self.has_left.store(true, Ordering::SeqCst);
        users.unlock().map_err(failed)?;
        if users.try_lock().is_err() {
            return Ok(()); // others use it
        }
        self.server.stop(StopMode::Fast)?;
        // Not the one it joined by: another process may have started the server again.
        if let Some(folder) = socket::remembered(&self.socket_memory(), &self.server.user) {
            socket::remove(&folder);
        }
        let _ = fs::remove_file(self.socket_memory());
        Ok(())
    }

    /// Of one of its databases.
    fn url(&self, database: &str) -> String {
        let host = self.socket.display().to_string().replace('\\', r"\\").replace('\'', r"\'");
        format!("host='{host}' user={USER} dbname={database}")
    }

    fn socket_memory(&self) -> PathBuf {
        self.state_dir.join("postgres.socket")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Err(err) = self.leave() {
            tracing::warn!("could not stop Postgres: {err}");
        }
    }
}

fn settings(socket: &Path) -> Vec<(&'static str, String)> {
    let mut settings: Vec<_> = SETTINGS.map(|(name, value)| (name, value.to_owned())).into();
    // Quoted, or a comma would part it.
    settings.push(("unix_socket_directories", format!("\"{}\"", socket.display())));
    settings
}

fn lock_file(state_dir: &Path, name: &str) -> Result<File, ClusterError> {
    let path = state_dir.join(name);
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    file.map_err(|source: io::Error| ClusterError::StateDir { path, source })
}

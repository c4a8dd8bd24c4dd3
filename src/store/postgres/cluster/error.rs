//! Why there is no private Postgres.

use std::io;
use std::path::PathBuf;

use super::binaries::MAJORS;
use super::install;
use crate::store::postgres::error::DatabaseError;
use crate::store::postgres::migrate::MigrateError;

/// The private Postgres cannot be used. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "Postgres {} to {} is not installed (looked in {}): install it with `{}`, or name its \
         folder in PG_BIN, or give the URL of a database",
        MAJORS.start(), MAJORS.end(), folders(.looked_in), install::command()
    )]
    Missing { looked_in: Vec<PathBuf> },
    #[error(
        "Postgres {found} in {folder} cannot be used, {} to {} can: install one with `{}`, or name \
         its folder in PG_BIN",
        MAJORS.start(), MAJORS.end(), install::command()
    )]
    Unsupported { found: u32, folder: PathBuf },
    #[error(
        "the data in {data} belong to Postgres {wanted}, and only Postgres {found} was found: \
         install Postgres {wanted} or name its folder in PG_BIN; to go on with {found}, stop \
         scanflow, convert the folder with `pg_upgrade` of {found} (it needs the binaries of both), \
         or move it away and import again"
    )]
    OtherMajor { data: PathBuf, wanted: u32, found: u32 },
    #[error("the state folder {path} cannot be used: choose a writable one with `--state-dir`")]
    StateDir { path: PathBuf, source: io::Error },
    #[error(
        "{path} holds files that are no database of Postgres: move them away or choose another \
         `--state-dir`"
    )]
    NotADatabase { path: PathBuf },
    #[error(
        "Postgres does not run as root, and the user {user} that it would run as cannot enter \
         {folder}: run `chmod a+x {folder}` or choose another `--state-dir`"
    )]
    Untraversable { folder: PathBuf, user: String },
    #[error(
        "{path} belongs to the user with number {owner}: run scanflow as that user or as root, or \
         choose another `--state-dir`"
    )]
    ForeignOwner { path: PathBuf, owner: u32 },
    #[error("no user that Postgres could run as: make one named postgres, or do not run as root")]
    NoUser,
    #[error(
        "no folder is short enough for the Unix socket of Postgres (107 bytes with its name): set \
         TMPDIR to a short one"
    )]
    SocketPath,
    #[error("could not make the folder of the Unix socket in {parent}")]
    SocketFolder { parent: PathBuf, source: io::Error },
    #[error(
        "the Postgres of {data} runs, other processes use it, and its Unix socket is gone: end them \
         and start again"
    )]
    SocketLost { data: PathBuf },
    /// What was asked for needs the private Postgres for itself.
    #[error("the private Postgres of {state_dir} is used by {by}: end that and try again")]
    InUse { state_dir: PathBuf, by: String },
    #[error(
        "{program} is missing in {folder}, where the server of Postgres is: install its client \
         programs of the same version"
    )]
    NoProgram { program: &'static str, folder: PathBuf },
    #[error("{program} failed: {reason}")]
    Program { program: &'static str, reason: String },
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl ClusterError {
    /// Whether something has to be installed: exit code 69.
    pub fn is_missing_dependency(&self) -> bool {
        match self {
            ClusterError::Missing { .. }
            | ClusterError::Unsupported { .. }
            | ClusterError::OtherMajor { .. }
            | ClusterError::NoProgram { .. } => true,
            ClusterError::StateDir { .. }
            | ClusterError::NotADatabase { .. }
            | ClusterError::Untraversable { .. }
            | ClusterError::ForeignOwner { .. }
            | ClusterError::NoUser
            | ClusterError::SocketPath
            | ClusterError::SocketFolder { .. }
            | ClusterError::SocketLost { .. }
            | ClusterError::InUse { .. }
            | ClusterError::Program { .. }
            | ClusterError::Database(_)
            | ClusterError::Migrate(_) => false,
        }
    }
}

fn folders(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { "no folder".to_owned() } else { paths.join(", ") }
}

//! Why there is no backup, or why it was not restored.

use std::io;
use std::path::PathBuf;

use crate::store::postgres::cluster::ClusterError;
use crate::store::postgres::error::DatabaseError;
use crate::store::postgres::migrate::{MigrateError, NEWEST};

/// Whatever it is, the database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("could not use {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} exists: `--force` replaces it")]
    Exists { path: PathBuf },
    #[error("another process writes {path}")]
    Busy { path: PathBuf },
    #[error("{path} is no backup of scanflow, or a damaged one: {reason}")]
    NotABackup { path: PathBuf, reason: String },
    #[error(
        "{path} was made by {maker} with schema version {found}, this scanflow knows only {NEWEST}: \
         upgrade scanflow"
    )]
    Newer { path: PathBuf, maker: String, found: i32 },
    #[error("the database has no schema of scanflow: there is nothing to back up")]
    Empty,
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl From<tokio_postgres::Error> for BackupError {
    fn from(err: tokio_postgres::Error) -> BackupError {
        BackupError::Database(err.into())
    }
}

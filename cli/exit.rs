//! What the process says with its exit code, so that a supervisor can tell "try again" from "never".

use std::io::ErrorKind;
use std::process::ExitCode;

use scanflow::config::ConfigError;
use scanflow::store::postgres::DatabaseError;
use scanflow::store::postgres::cluster::{BackupError, ClusterError};
use scanflow::store::postgres::migrate::MigrateError;
use scanflow::store::postgres::url::UrlError;

/// Shown by `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done, also after a drain
  1    failed while running
  2    wrong usage
  3    insights at or above --fail-on
  65   bad input data
  69   something that is needed is missing, cannot be reached or does not fit, such as the
       database and its schema
  75   try again later, such as when another process leads and `run --once` does not wait, or may
       lead since the lease was lost
  78   wrong configuration: names the file, the line and the key
  101  internal error
  129  left at once by SIGHUP; `run` goes on
  130  or 143: left at once by SIGINT or SIGTERM; `run` drains at the first and ends with 0";

/// A code of the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Findings = 3,
    BadInput = 65,
    Unavailable = 69,
    TryAgain = 75,
    Config = 78,
    HungUp = 129,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error with the code that it ends the process with. Any error turns into one: its code is that
/// of its kind, or else `Failed`.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit, error: error.into() }
    }

    /// The user asked for something that there is not.
    pub(crate) fn usage(message: String) -> Failure {
        Failure::new(Exit::Usage, anyhow::anyhow!(message))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        let error = anyhow::Error::new(error);
        let exit = error.chain().find_map(exit_of).unwrap_or(Exit::Failed);
        Failure { exit, error }
    }
}

fn exit_of(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(err) = cause.downcast_ref() {
        return match err {
            UrlError::PasswordInArguments => Some(Exit::Usage),
            _ => Some(Exit::Config),
        };
    }
    if let Some(err) = cause.downcast_ref() {
        return match err {
            DatabaseError::Url(_) | DatabaseError::Tls(_) => Some(Exit::Config),
            DatabaseError::Connect { .. } => Some(Exit::Unavailable),
            err => err.is_transient().then_some(Exit::Unavailable),
        };
    }
    if let Some(err) = cause.downcast_ref() {
        return match err {
            MigrateError::Database(err) | MigrateError::Failed { source: err, .. } => exit_of(err),
            // The database is not what is needed.
            _ => Some(Exit::Unavailable),
        };
    }
    if let Some(err) = cause.downcast_ref() {
        return match err {
            ClusterError::Database(err) => exit_of(err),
            ClusterError::Migrate(err) => exit_of(err),
            err if err.is_missing_dependency() => Some(Exit::Unavailable),
            ClusterError::Program { .. } => Some(Exit::Unavailable),
            ClusterError::InUse { .. } => Some(Exit::TryAgain),
            // The state directory, or who uses it, is not as it has to be.
            _ => Some(Exit::Config),
        };
    }
    if let Some(err) = cause.downcast_ref() {
        return match err {
            BackupError::File { source, .. } if source.kind() == ErrorKind::NotFound => {
                Some(Exit::Usage)
            }
            BackupError::File { .. } => None,
            BackupError::Exists { .. } | BackupError::Folder { .. } => Some(Exit::Usage),
            BackupError::Busy { .. } => Some(Exit::TryAgain),
            BackupError::NotABackup { .. } => Some(Exit::BadInput),
            BackupError::Newer { .. } | BackupError::Empty => Some(Exit::Unavailable),
            BackupError::Cluster(err) => exit_of(err),
            BackupError::Database(err) => exit_of(err),
            BackupError::Migrate(err) => exit_of(err),
        };
    }
    cause.is::<ConfigError>().then_some(Exit::Config)
}

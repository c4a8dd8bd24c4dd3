//! A file of `pg_dump`, looked at without a database.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::{ClusterError, Server};
use super::{BackupError, programs};
use crate::store::postgres::migrate::NEWEST;

/// What every archive in the custom format begins with.
const MAGIC: &[u8] = b"PGDMP";

/// What precedes the version in the comment on `schema_migrations`, the one thing in an archive
/// that can say it.
const MAKER: &str = "backed up by ";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The version of its schema.
    pub schema: i32,
    /// The scanflow that made it, such as `scanflow 0.1.0`. None: `pg_dump` alone did.
    pub maker: Option<String>,
}

/// An archive that begins as one.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    path: PathBuf,
}

/// The comment that a backup carries.
pub(super) fn comment() -> String {
    format!("{MAKER}scanflow {}", env!("CARGO_PKG_VERSION"))
}

impl Archive {
    pub(super) fn at(path: &Path) -> Result<Archive, BackupError> {
        let archive = Archive { path: path.to_owned() };
        let mut start = Vec::new();
        let length = MAGIC.len() as u64;
        let read = archive.open()?.take(length).read_to_end(&mut start);
        read.map_err(|source| BackupError::File { path: path.to_owned(), source })?;
        if start == MAGIC { Ok(archive) } else { Err(archive.broken("it does not begin as one")) }
    }

    /// A fresh way to read it, which a program takes as its input.
    pub(super) fn open(&self) -> Result<File, BackupError> {
        let failed = |source| BackupError::File { path: self.path.clone(), source };
        File::open(&self.path).map_err(failed)
    }

    /// Reads all of it, so that what is damaged shows before anything is changed.
    pub(super) async fn read_through(&self, server: &Server) -> Result<(), BackupError> {
        let mut command = programs::offline(server, "pg_restore")?;
        command.args(["--file", "/dev/null"]);
        self.read_by(command).await.map(drop)
    }

    /// Refuses what this scanflow cannot restore.
    pub(super) async fn contents(&self, server: &Server) -> Result<Contents, BackupError> {
        let mut command = programs::offline(server, "pg_restore")?;
        command.args(["--file", "-", "--table", "schema_migrations"]);
        let contents = contents(&self.read_by(command).await?);
        let Some(contents) = contents else {
            return Err(self.broken("it holds no schema of scanflow"));
        };
        if NEWEST < contents.schema {
            let (path, found) = (self.path.clone(), contents.schema);
            let maker = contents.maker.unwrap_or_else(|| "another scanflow".to_owned());
            return Err(BackupError::Newer { path, maker, found });
        }
        Ok(contents)
    }

    async fn read_by(&self, mut command: Command) -> Result<String, BackupError> {
        command.stdin(self.open()?).stdout(Stdio::piped());
        programs::run("pg_restore", command).await.map_err(|err| match err {
            // Nothing else than the file takes part.
            ClusterError::Program { reason, .. } => self.broken(&reason),
            other => other.into(),
        })
    }

    fn broken(&self, reason: &str) -> BackupError {
        BackupError::NotABackup { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// Of the SQL that makes `schema_migrations`.
fn contents(sql: &str) -> Option<Contents> {
    let start = |line: &&str| line.starts_with("COPY public.schema_migrations (version,");
    let rows = sql.lines().skip_while(|line| !start(line)).skip(1);
    let rows = rows.take_while(|line| *line != r"\.");
    let schema = rows.filter_map(|row| row.split('\t').next()?.parse().ok()).max()?;
    let comment = sql.lines().find_map(|line| {
        line.strip_prefix("COMMENT ON TABLE public.schema_migrations IS '")?.strip_suffix("';")
    });
    let maker = comment.and_then(|comment| comment.strip_prefix(MAKER)).map(str::to_owned);
    Some(Contents { schema, maker })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_and_the_maker() {
        let sql = "COMMENT ON TABLE public.schema_migrations IS 'backed up by scanflow 0.1.0';\n\
                   \n\
                   COPY public.schema_migrations (version, name, checksum, applied_at) FROM stdin;\n\
                   1\tschema\tab\t2026-01-01 00:00:00+00\n\
                   10\tlater\tcd\t2026-01-01 00:00:00+00\n\
                   9\tprune\tef\t2026-01-01 00:00:00+00\n\
                   \\.\n\
                   11\tnone\n";
        let maker = Some("scanflow 0.1.0".to_owned());
        assert_eq!(contents(sql), Some(Contents { schema: 10, maker }));
        let without = sql.lines().skip(1).collect::<Vec<_>>().join("\n");
        assert_eq!(contents(&without), Some(Contents { schema: 10, maker: None }));
        assert_eq!(contents("SET lock_timeout = 0;\n"), None);
    }
}

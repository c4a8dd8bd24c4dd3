//! Writes a backup: aside, read back, then renamed.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::server::failure;
use super::super::{Cluster, DATABASE};
use super::archive::{Archive, comment};
use super::{BackupError, Counts, programs};
use crate::store::postgres::Database;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    pub bytes: u64,
    pub counts: Counts,
    /// The version of its schema.
    pub schema: i32,
}

impl Cluster {
    /// Writes the state of one moment into `file`, which only its owner may read, while others go on.
    /// It is there whole or not at all: it grows as `<file>.partial`. One that exists is replaced
    /// only by `force`.
    pub async fn back_up(&self, file: &Path, force: bool) -> Result<BackedUp, BackupError> {
        if !force && file.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path: file.to_owned() });
        }
        if file.is_dir() {
            return Err(BackupError::Folder { path: file.to_owned() });
        }
        let database = Database::open(self.url(), 1)?;
        let mut client = database.client().await?;
        let table = client.query_one("select to_regclass('schema_migrations') is null", &[]);
        if table.await?.get(0) {
            return Err(BackupError::Empty);
        }
        let partial = Partial::create(file)?;

        let comment = format!("comment on table schema_migrations is '{}'", comment());
        client.batch_execute(&comment).await?;
        let transaction = client.snapshot().await?;
        let export = "select pg_export_snapshot(), max(version) from schema_migrations";
        let row = transaction.query_one(export, &[]).await?;
        let (snapshot, schema) = (row.get::<_, String>(0), row.get(1));
        let counts = Counts::of(&transaction).await?;

        let (server, socket) = (&self.member.server, &self.member.socket);
        let mut dump = programs::online(server, "pg_dump", socket, DATABASE)?;
        dump.args(["--format", "custom", "--snapshot", &snapshot]);
        // They tell a leader that lives what has changed since it read the fleet.
        dump.args(["--exclude-table-data", "asset_changes"]);
        dump.stdout(partial.file.try_clone().map_err(|source| partial.failed(source))?);
        programs::run("pg_dump", dump).await?;
        drop(transaction);

        Archive::at(&partial.path)?.read_through(server).await?;
        let finished = tokio::task::spawn_blocking(move || partial.finish()).await;
        let bytes = finished.map_err(|err| failure("the end of the backup", err.to_string()))??;
        Ok(BackedUp { bytes, counts, schema })
    }
}

/// The file that grows; removed with this unless it is finished.
#[derive(Debug)]
struct Partial {
    target: PathBuf,
    path: PathBuf,
    /// Locked, so that of two backups to one file the second stays away.
    file: File,
    is_finished: bool,
}

impl Partial {
    fn create(target: &Path) -> Result<Partial, BackupError> {
        let mut path = target.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let failed = |source| BackupError::File { path: path.clone(), source };
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        // One that ended between these lines has renamed what was opened.
        let is_ours = || Ok(file.metadata()?.ino() == fs::metadata(&path)?.ino());
        if file.try_lock().is_err() || !is_ours().map_err(failed)? {
            return Err(BackupError::Busy { path });
        }
        file.set_len(0).map_err(failed)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Partial { target: target.to_owned(), path, file, is_finished: false })
    }

    /// Returns the size, when all of it is on the disk under its name.
    fn finish(mut self) -> Result<u64, BackupError> {
        let finish = || {
            self.file.sync_all()?;
            fs::rename(&self.path, &self.target)?;
            let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(self.file.metadata()?.len())
        };
        let bytes = finish().map_err(|source| self.failed(source))?;
        self.is_finished = true;
        Ok(bytes)
    }

    fn failed(&self, source: io::Error) -> BackupError {
        BackupError::File { path: self.target.clone(), source }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

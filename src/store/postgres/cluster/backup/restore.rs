//! Restores a backup: into a database beside the present one, which takes its place in one step.

use std::path::Path;
use std::process::Stdio;

use tokio_postgres::error::SqlState;

use super::super::{Cluster, ClusterError, Company, DATABASE, REPLACED, RESTORING, Setup};
use super::archive::{Archive, Contents};
use super::{BackupError, Counts, programs};
use crate::clock::Clock;
use crate::store::postgres::{Database, DatabaseError, migrate};

/// A restore that has looked at everything and changed nothing. Nobody else uses the private
/// Postgres while it lives.
#[derive(Debug)]
pub struct Restore {
    cluster: Cluster,
    archive: Archive,
    contents: Contents,
    /// None: there is no schema.
    present: Option<Counts>,
}

/// Free at once: nobody leads, whatever the backup remembers. The token stays, since it is what
/// orders the sequences to come above those in `scan_state`.
const FREE_LEASE: &str = "update leases set expires_at = clock_timestamp() - interval '1 second'";

/// Who else is connected, such as a `psql`.
const CONNECTED: &str = "
    select string_agg(format('%s (backend %s)', coalesce(nullif(application_name, ''), 'a client'), pid), ', ')
      from pg_stat_activity where datname = $1 and backend_type = 'client backend'";

impl Restore {
    /// Fails if somebody else uses the private Postgres of `state_dir`, or if `file` cannot be
    /// restored; the whole file is read. A private Postgres is made if need be.
    pub async fn prepare(state_dir: &Path, file: &Path) -> Result<Restore, BackupError> {
        let archive = Archive::at(file)?;
        let setup = Setup::from_environment();
        let cluster = Cluster::join(state_dir, setup, Company::Refused).await?;
        let admin = Database::open(&cluster.member.url("postgres"), 1)?;
        let connected = admin.client().await?.query_one(CONNECTED, &[&DATABASE]).await?;
        if let Some(by) = connected.get(0) {
            return Err(cluster.in_use(by).into());
        }
        let server = &cluster.member.server;
        let contents = archive.contents(server).await?;
        archive.read_through(server).await?;
        let database = Database::open(cluster.url(), 1)?;
        let client = database.client().await?;
        let has_schema = client.query_one("select to_regclass('insight_events') is not null", &[]);
        let present = match has_schema.await?.get(0) {
            true => Some(Counts::of(&client).await?),
            false => None,
        };
        drop(client);
        Ok(Restore { cluster, archive, contents, present })
    }

    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// What will be lost. None: nothing.
    pub fn present(&self) -> Option<Counts> {
        self.present
    }

    /// Puts the backup, brought to the schema of this scanflow, in the place of the present
    /// database, which is dropped. An error, or an end before that, leaves the present one.
    pub async fn run(self, clock: &Clock) -> Result<Counts, BackupError> {
        let admin = Database::open(&self.cluster.member.url("postgres"), 1)?;
        let admin = admin.client().await?;
        // Of this scanflow, whatever a template was made to hold.
        let create = format!("create database {RESTORING} template template0");
        admin.batch_execute(&create).await?;
        self.fill().await?;
        let counts = self.complete(clock).await?;

        // Both in one transaction: at no moment is there no database.
        let swap = format!(
            "begin;
             alter database {DATABASE} rename to {REPLACED};
             alter database {RESTORING} rename to {DATABASE};
             commit"
        );
        admin.batch_execute(&swap).await.map_err(|err| self.swap_failed(err))?;
        // It is restored: whatever fails from here on, the next start makes up for.
        let dropped = admin.batch_execute(&format!("drop database {REPLACED} with (force)")).await;
        drop(admin);
        if let Err(err) = dropped {
            tracing::warn!("could not drop the replaced database yet: {err}");
        }
        if let Err(err) = self.cluster.stop() {
            tracing::warn!("could not stop Postgres: {err}");
        }
        Ok(counts)
    }

    /// The roles of a backup are not those of this cluster, where one owns all.
    async fn fill(&self) -> Result<(), BackupError> {
        let member = &self.cluster.member;
        let mut command =
            programs::online(&member.server, "pg_restore", &member.socket, RESTORING)?;
        command.args(["--exit-on-error", "--no-owner", "--no-privileges"]);
        command.stdin(self.archive.open()?).stdout(Stdio::null());
        programs::run("pg_restore", command).await?;
        Ok(())
    }

    async fn complete(&self, clock: &Clock) -> Result<Counts, BackupError> {
        let database = Database::open(&self.cluster.member.url(RESTORING), 1)?;
        migrate::migrate(&database, clock.now()).await?;
        let client = database.client().await?;
        client.batch_execute(FREE_LEASE).await?;
        // An archive holds no statistics, and without them the first scans are planned badly.
        client.batch_execute("analyze").await?;
        Ok(Counts::of(&client).await?)
    }

    fn swap_failed(&self, err: tokio_postgres::Error) -> BackupError {
        if err.code() == Some(&SqlState::OBJECT_IN_USE) {
            return self.cluster.in_use("a client that has connected meanwhile").into();
        }
        DatabaseError::from(err).into()
    }
}

impl Cluster {
    fn in_use(&self, by: &str) -> ClusterError {
        ClusterError::InUse { state_dir: self.member.state_dir.clone(), by: by.to_owned() }
    }
}

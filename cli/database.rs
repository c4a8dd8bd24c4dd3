//! The way to the database: the one that is named, else a private one in the state directory, which
//! lives as long as the context.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use scanflow::clock::Clock;
use scanflow::model::PerLane;
use scanflow::store::postgres::cluster::{Cluster, Setup, major_of};
use scanflow::store::postgres::migrate::{NEWEST, check_version};
use scanflow::store::postgres::{Database, DatabaseUrl, Pooler};
use scanflow_dataflows::Connections;

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// What [`Context::inspect`] saw.
#[derive(Debug)]
pub(crate) enum Inspected {
    /// A named database that is reachable and has the schema of this version.
    Named,
    /// A private one, by the major version of its Postgres; it may not be running.
    Private { state_dir: PathBuf, major: u32 },
    /// A private one would be made by the Postgres in this folder.
    NotYet { state_dir: PathBuf, programs: PathBuf },
}

/// Who watches a job, and with which connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watched {
    /// This command, with one of the job's.
    Here,
    /// Whoever asks the admin port, which has one of its own: neither they nor the job wait for each
    /// other.
    FromOutside,
}

/// Connections of a job.
#[derive(Debug)]
pub(crate) struct JobConnections {
    pub(crate) job: Connections,
    /// One, only for [`Watched::FromOutside`].
    pub(crate) watching: Database,
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inspected::Named => write!(f, "reachable, with schema version {NEWEST}"),
            Inspected::Private { state_dir, major } => {
                write!(f, "a private Postgres {major} in {}", state_dir.display())
            }
            Inspected::NotYet { state_dir, programs } => write!(
                f,
                "none yet; a private one will be made in {} by the Postgres in {}",
                state_dir.display(),
                programs.display()
            ),
        }
    }
}

impl Context {
    /// A database that is reachable and has the schema of this version; what lies between is known.
    /// A private one is made if need be.
    pub(crate) async fn database(&self) -> Result<Database, Failure> {
        let database = self.reachable_database().await?;
        check_version(&database).await?;
        database.look_for_pooler(&database).await?;
        Ok(database)
    }

    /// As [`Context::database`], for commands that only read: an empty database tells them nothing,
    /// so none is made.
    pub(crate) async fn existing_database(&self) -> Result<Database, Failure> {
        if self.url()?.is_none() {
            self.refuse_no_private()?;
        }
        let database = self.reachable_database().await?;
        check_version(&database).await?;
        Ok(database)
    }

    /// Fails if there is no private database.
    pub(crate) fn refuse_no_private(&self) -> Result<(), Failure> {
        if self.private_major()?.is_some() {
            return Ok(());
        }
        let state_dir = self.state_dir.display();
        let missing = anyhow!(
            "there is no database in {state_dir}: `scanflow import` makes one; another one is \
             named by --state-dir or --database-url"
        );
        Err(Failure::new(Exit::Unavailable, missing))
    }

    /// As [`Context::database`], with any schema or none.
    pub(crate) async fn reachable_database(&self) -> Result<Database, Failure> {
        let database = self.open(self.config.limits.db_connections_max).await?;
        drop(database.client().await?);
        Ok(database)
    }

    async fn open(&self, connections_max: usize) -> Result<Database, Failure> {
        let url = self.server().await?;
        // A private server is reached directly.
        let pooler = if self.url()?.is_some() { self.config.database.pooler } else { Pooler::None };
        Ok(Database::at(&url, connections_max, pooler)?)
    }

    /// As [`Context::database`], for a job: `limits.db_connections_max` connections, of which each
    /// lane has its own, the fast one more.
    pub(crate) async fn connections(&self, watched: Watched) -> Result<JobConnections, Failure> {
        let control = match watched {
            Watched::Here => 2,
            Watched::FromOutside => 1,
        };
        let lanes = self.config.limits.db_connections_max.saturating_sub(3);
        let slow = lanes.div_ceil(3).max(1);
        let control = self.open(control).await?;
        let (lease, watching) = (control.beside(1)?, control.beside(1)?);
        let lane = PerLane {
            fast: control.beside(lanes.saturating_sub(slow).max(1))?,
            slow: control.beside(slow)?,
        };
        check_version(&control).await?;
        control.look_for_pooler(&lease).await?;
        Ok(JobConnections { job: Connections { lane, lease, control }, watching })
    }

    /// For commands that only the private database needs; for one that is named, `instead` says
    /// what to do.
    pub(crate) fn private_state_dir(&self, instead: &str) -> Result<&Path, Failure> {
        if self.url()?.is_some() {
            let message = format!("the database is named, so it is not a private one: {instead}");
            return Err(Failure::usage(message));
        }
        Ok(&self.state_dir)
    }

    /// Starts the private server again when it dies, for ever.
    pub(crate) async fn watch_server(&self) -> Infallible {
        match self.cluster.get() {
            Some(cluster) => cluster.watch().await,
            None => std::future::pending().await,
        }
    }

    /// Looks at the database without starting or making anything.
    pub(crate) async fn inspect(&self) -> Result<Inspected, Failure> {
        if self.url()?.is_some() {
            check_version(&self.reachable_database().await?).await?;
            return Ok(Inspected::Named);
        }
        let state_dir = self.state_dir.clone();
        Ok(match self.private_major()? {
            Some(major) => Inspected::Private { state_dir, major },
            None => {
                let programs = Setup::from_environment().search.newest()?.folder;
                Inspected::NotYet { state_dir, programs }
            }
        })
    }

    async fn server(&self) -> Result<DatabaseUrl, Failure> {
        if let Some(url) = self.url()? {
            return Ok(url);
        }
        let start = async || Cluster::start(&self.state_dir, &Clock::system()).await;
        Ok(DatabaseUrl::new(self.cluster.get_or_try_init(start).await?.url()))
    }

    /// The URL that was given, or that stands in the file that was given.
    fn url(&self) -> Result<Option<DatabaseUrl>, Failure> {
        let database = &self.config.database;
        match (&database.url, &database.url_file) {
            (Some(url), _) => Ok(Some(DatabaseUrl::new(url.reveal()))),
            (None, Some(path)) => Ok(Some(DatabaseUrl::from_file(path)?)),
            (None, None) => Ok(None),
        }
    }

    /// Of the private database; None if there is none.
    fn private_major(&self) -> Result<Option<u32>, Failure> {
        Ok(major_of(&self.state_dir.join("postgres"))?)
    }
}

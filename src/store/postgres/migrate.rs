//! Brings the schema up to date. To add a migration: a file `migrations/V<number>__<name>.sql` and
//! its entry in [`ALL`]; one that was released is never edited.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::time::{Duration, SystemTime};

use siphasher::sip128::{Hasher128, SipHasher13};

use super::{Database, DatabaseError, Session};
use crate::model::UnixTime;

/// A file of `migrations/`, in the binary.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub version: i32,
    pub file: &'static str,
    pub sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $file:literal) => {
        Migration {
            version: $version,
            file: $file,
            sql: include_str!(concat!("../../../migrations/", $file)),
        }
    };
}

/// All of them, from version 1 on without a gap.
pub const ALL: &[Migration] = &[
    migration!(1, "V0001__schema.sql"),
    migration!(2, "V0002__functions.sql"),
    migration!(3, "V0003__prune.sql"),
    migration!(4, "V0004__reviews.sql"),
    migration!(5, "V0005__sink.sql"),
    migration!(6, "V0006__dead_letters.sql"),
    migration!(7, "V0007__requests.sql"),
    migration!(8, "V0008__lanes.sql"),
    migration!(9, "V0009__shards.sql"),
];

/// The version of the schema that this binary works with.
pub const NEWEST: i32 = ALL[ALL.len() - 1].version;

/// The month of the day and the three after it.
const MONTHS_AHEAD: i32 = 4;

/// The advisory lock of whoever migrates: `scanflow` in ASCII, as in `V0002__functions.sql`.
const LOCK: i64 = 0x7363_616e_666c_6f77;

/// What [`migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The schema's version now.
    pub version: i32,
    /// The files that were applied, in order.
    pub files: Vec<&'static str>,
    /// How many partitions of the history and of dead letters were made.
    pub partitions: i32,
}

/// A migration as [`status`] sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub version: i32,
    pub name: String,
    /// None: not yet.
    pub applied_at: Option<SystemTime>,
}

/// The schema does not fit this binary, or could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{file} failed and changed nothing")]
    Failed { file: &'static str, source: DatabaseError },
    #[error("the database has no schema of scanflow: run `scanflow migrate`")]
    Empty,
    #[error(
        "the database has schema version {found}, this scanflow needs {NEWEST}: run `scanflow migrate`"
    )]
    Older { found: i32 },
    #[error(
        "the database has schema version {found}, this scanflow knows only {NEWEST}: upgrade scanflow"
    )]
    Newer { found: i32 },
    #[error(
        "migration {version} was applied to the database as `{name}` with another content: this \
         scanflow was built from an edited file, use a released one"
    )]
    Changed { version: i32, name: String },
}

impl MigrateError {
    /// Whether the same call may succeed later without anything being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            MigrateError::Database(err) | MigrateError::Failed { source: err, .. } => {
                err.is_transient()
            }
            MigrateError::Empty
            | MigrateError::Older { .. }
            | MigrateError::Newer { .. }
            | MigrateError::Changed { .. } => false,
        }
    }
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(err: tokio_postgres::Error) -> MigrateError {
        MigrateError::Database(err.into())
    }
}

impl Migration {
    /// What stands between the number and the ending.
    pub fn name(&self) -> &'static str {
        let name = self.file.split_once("__").map_or(self.file, |(_, name)| name);
        name.trim_end_matches(".sql")
    }

    fn checksum(&self) -> String {
        let mut hasher = SipHasher13::new();
        hasher.write(self.sql.as_bytes());
        format!("{:032x}", hasher.finish128().as_u128())
    }
}

/// Applies what is missing, each migration in a transaction of its own, and makes the partitions for
/// the months from `at` on. Whoever calls it at the same time waits. Needs the
/// owner of the schema.
pub async fn migrate(database: &Database, at: UnixTime) -> Result<Applied, MigrateError> {
    let mut client = database.client().await?;
    let mut files = Vec::new();
    loop {
        let transaction = client.transaction().await?;
        // Held by the transaction, since a pooler may give the next one another session.
        transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        let applied = match applied(&transaction).await? {
            Some(applied) => applied,
            None => {
                transaction
                    .batch_execute(
                        "create table schema_migrations (
                             version integer primary key,
                             name text not null,
                             checksum text not null,
                             applied_at timestamptz not null default now()
                         )",
                    )
                    .await?;
                BTreeMap::new()
            }
        };
        check_applied(&applied)?;
        let Some(next) = ALL.iter().find(|next| !applied.contains_key(&next.version)) else {
            let at = SystemTime::UNIX_EPOCH + Duration::from_micros(at.as_micros());
            let ensure = "select ensure_partitions($1, $2)";
            let partitions = transaction.query_one(ensure, &[&at, &MONTHS_AHEAD]).await?.get(0);
            transaction.commit().await?;
            return Ok(Applied { version: NEWEST, files, partitions });
        };
        let failed =
            |err| MigrateError::Failed { file: next.file, source: DatabaseError::from(err) };
        transaction.batch_execute(next.sql).await.map_err(failed)?;
        transaction
            .execute(
                "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
                &[&next.version, &next.name(), &next.checksum()],
            )
            .await?;
        transaction.commit().await?;
        tracing::info!(file = next.file, "migrated");
        files.push(next.file);
    }
}

/// All migrations that the database or this binary knows, by version.
pub async fn status(database: &Database) -> Result<Vec<Status>, MigrateError> {
    let client = database.client().await?;
    let mut known: BTreeMap<i32, Status> = ALL
        .iter()
        .map(|migration| {
            let (version, name) = (migration.version, migration.name().to_owned());
            (version, Status { version, name, applied_at: None })
        })
        .collect();
    for (version, row) in applied(&client).await?.unwrap_or_default() {
        let status = Status { version, name: row.name, applied_at: Some(row.at) };
        known.insert(version, status);
    }
    Ok(known.into_values().collect())
}

/// Fails unless the schema is exactly the one that this binary works with; the error says what to
/// do. Needs no more than to read `schema_migrations`.
pub async fn check_version(database: &Database) -> Result<(), MigrateError> {
    let client = database.client().await?;
    let applied = applied(&client).await?.unwrap_or_default();
    check_applied(&applied)?;
    match applied.last_key_value() {
        None => Err(MigrateError::Empty),
        Some((&found, _)) if found < NEWEST => Err(MigrateError::Older { found }),
        Some(_) => Ok(()),
    }
}

struct Row {
    name: String,
    checksum: String,
    at: SystemTime,
}

/// None if there is no schema.
async fn applied(session: &Session) -> Result<Option<BTreeMap<i32, Row>>, tokio_postgres::Error> {
    let table = session.query_one("select to_regclass('schema_migrations') is null", &[]).await?;
    if table.get(0) {
        return Ok(None);
    }
    let query = "select version, name, checksum, applied_at from schema_migrations";
    let rows = session.query(query, &[]).await?;
    let rows = rows
        .into_iter()
        .map(|row| (row.get(0), Row { name: row.get(1), checksum: row.get(2), at: row.get(3) }));
    Ok(Some(rows.collect()))
}

fn check_applied(applied: &BTreeMap<i32, Row>) -> Result<(), MigrateError> {
    if let Some((&found, _)) = applied.last_key_value()
        && NEWEST < found
    {
        return Err(MigrateError::Newer { found });
    }
    for migration in ALL {
        if let Some(row) = applied.get(&migration.version)
            && row.checksum != migration.checksum()
        {
            return Err(MigrateError::Changed {
                version: migration.version,
                name: row.name.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_under_its_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .filter(|name| name.ends_with(".sql"))
            .collect();
        files.sort();
        assert_eq!(files, ALL.iter().map(|migration| migration.file).collect::<Vec<_>>());
        for (index, migration) in ALL.iter().enumerate() {
            assert_eq!(migration.version, i32::try_from(index).expect("few") + 1);
            let start = format!("V{:04}__{}", migration.version, migration.name());
            assert_eq!(migration.file, format!("{start}.sql"));
        }
    }
}

//! The right to write what a source lists: one import has it at a time.
//!
//! Directly connected it is a lock of the session that writes: who loses the connection loses both.
//! Behind a transaction pooler no session is ours, so a transaction that stays open on a second
//! connection holds the lock, and every transaction that writes asks whether it still does. The two
//! could only drift apart while a transaction writes, so each holds a second lock, shared, until its
//! end; the next import waits for those before it reads anything.

use std::time::Duration;

use super::super::{Database, DatabaseError, Parameter, Session, Transaction};

/// The first half of the keys of advisory locks, the other one is the source: of the import ("scan"),
/// and of each transaction that writes for it ("scao").
const IMPORTS: i32 = 0x7363_616e;
const WRITES: i32 = IMPORTS + 1;

/// Between two tries for the lock behind a pooler.
const PAUSE: Duration = Duration::from_millis(200);

const HELD: &str = "select exists (
    select from pg_locks l join pg_database d on d.oid = l.database
     where d.datname = current_database() and l.locktype = 'advisory' and l.granted
       and l.classid::bigint = $1::int::bigint and l.objid::bigint = $2::int::bigint
       and l.objsubid = 2 and l.pid = $3)";

pub(super) struct Claim {
    source: i32,
    /// None: the session that writes holds it.
    holder: Option<Holder>,
}

/// Its transaction ends with it.
struct Holder {
    _session: Session,
    backend: i32,
}

impl Claim {
    /// Waits for any other import of the source; `writer` is the session that will write.
    pub(super) async fn of(
        database: &Database,
        writer: &Session,
        source: i16,
    ) -> Result<Claim, DatabaseError> {
        let source = i32::from(source);
        if writer.keeps_its_server() {
            // The lock must not come back to the pool with it.
            writer.discard();
            writer.query_one("select pg_advisory_lock($1, $2)", &[&IMPORTS, &source]).await?;
            return Ok(Claim { source, holder: None });
        }
        let holder = loop {
            let session = database.client().await?.into_open_transaction().await?;
            session.batch_execute("set local idle_in_transaction_session_timeout = 0").await?;
            let lock = "select pg_try_advisory_xact_lock($1, $2), pg_backend_pid()";
            let row = session.query_one(lock, &[&IMPORTS, &source]).await?;
            if row.get(0) {
                break Holder { _session: session, backend: row.get(1) };
            }
            // Whoever waits inside of a transaction takes a server from the one that is waited for.
            drop(session);
            tokio::time::sleep(PAUSE).await;
        };
        writer.query_one("select pg_advisory_xact_lock($1, $2)", &[&WRITES, &source]).await?;
        Ok(Claim { source, holder: Some(holder) })
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin<'s>(
        &self,
        writer: &'s mut Session,
    ) -> Result<Transaction<'s>, DatabaseError> {
        let transaction = writer.transaction().await?;
        if let Some(holder) = &self.holder {
            let lock = "select pg_advisory_xact_lock_shared($1, $2)";
            transaction.query_one(lock, &[&WRITES, &self.source]).await?;
            let asked: [&dyn Parameter; 3] = [&IMPORTS, &self.source, &holder.backend];
            if !transaction.query_one(HELD, &asked).await?.get::<_, bool>(0) {
                return Err(DatabaseError::ClaimLost);
            }
        }
        Ok(transaction)
    }
}

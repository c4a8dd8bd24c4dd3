//! Statements on one connection, in a form that suits what lies between. Directly connected they are
//! prepared once per connection; behind a transaction pooler they are not, since the next one may
//! meet another server. Where the server cuts statements off, they bring time limits of their own.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Buf;
use deadpool_postgres::Object;
use futures_util::future::{FutureExt, join, join3};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, CopyInSink, Error, Row, SimpleQueryMessage, Statement};

use super::abandoned::Unanswered;
use super::parameter::Parameter;
use super::rows::Rows;
use super::way::Way;

/// For a statement outside of a transaction, where the server's own limit was too short for one: 10
/// minutes.
const BEGIN_PATIENTLY: &str = "begin; set local statement_timeout = 600000";
/// A transaction takes as long as it takes: the long ones read the whole fleet, change the schema,
/// or write what is large.
const BEGIN: &str = "begin; set local statement_timeout = 0";
const BEGIN_COMMITTED: &str =
    "begin isolation level read committed; set local statement_timeout = 0";
const BEGIN_SNAPSHOT: &str =
    "begin isolation level repeatable read read only; set local statement_timeout = 0";

/// A connection that is lent, and given back when dropped. What is not committed then is rolled
/// back, and nothing is left in the server's session that the next one could meet. The connection
/// of a statement that was given up before its answer came is closed, and the statement stopped, unless
/// a pooler lies between, which does that as it sees fit (PgBouncer 1.18 died of such a request).
pub struct Session {
    /// None only while this is being dropped.
    client: Option<Object>,
    way: Arc<Way>,
    is_in_transaction: bool,
    /// It is closed in place of being given back.
    is_discarded: AtomicBool,
    /// Statements that were sent and not answered to the end.
    unanswered: Arc<AtomicU32>,
}

/// Rolled back unless it is committed.
#[derive(Debug)]
pub struct Transaction<'a>(&'a mut Session);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Session");
        debug.field("is_in_transaction", &self.is_in_transaction).finish_non_exhaustive()
    }
}

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident, $typed:ident -> $result:ty;)*) => {
        $($(#[$doc])*
        pub async fn $name(
            &self,
            sql: &str,
            values: &[&dyn Parameter],
        ) -> Result<$result, Error> {
            let statement = self.prepared(sql, values).await?;
            let client = self.client();
            let typed: Vec<_> = values.iter().map(|v| (v.value(), v.sql_type())).collect();
            let plain: Vec<_> = values.iter().map(|value| value.value()).collect();
            let running = self.run(|| async {
                match &statement {
                    Some(statement) => client.$name(statement, &plain).await,
                    None => client.$typed(sql, &typed).await,
                }
            });
            self.answered(running).await
        })*
    };
}

impl Session {
    pub(super) fn new(client: Object, way: Arc<Way>) -> Session {
        let (is_discarded, unanswered) = (AtomicBool::new(false), Arc::default());
        Session { client: Some(client), way, is_in_transaction: false, is_discarded, unanswered }
    }

    statements! {
        query, query_typed -> Vec<Row>;
        /// Exactly one row: none or more of them are an error.
        query_one, query_typed_one -> Row;
        query_opt, query_typed_opt -> Option<Row>;
        /// How many rows were affected.
        execute, execute_typed -> u64;
    }

    /// Rows as they come; whoever reads them slowly does so in a transaction, which the server does
    /// not cut off.
    pub async fn rows(&self, sql: &str, values: &[&dyn Parameter]) -> Result<Rows, Error> {
        let statement = self.prepared(sql, values).await?;
        let unanswered = Unanswered::of(&self.unanswered);
        let rows = match statement {
            Some(statement) => {
                let plain: Vec<_> = values.iter().map(|value| value.value()).collect();
                self.client().query_raw(&statement, plain).await
            }
            None => {
                let typed: Vec<_> = values.iter().map(|v| (v.value(), v.sql_type())).collect();
                self.client().query_typed_raw(sql, typed).await
            }
        };
        match rows {
            Ok(rows) => Ok(Rows::new(rows, unanswered)),
            Err(err) => {
                unanswered.end();
                self.note(&err);
                Err(err)
            }
        }
    }

    /// Statements without parameters, separated by semicolons.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        let running = self.client().batch_execute(sql);
        self.answered(running).await.inspect_err(|err| self.note(err))
    }

    /// As [`Session::batch_execute`], with rows as text.
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        let running = self.client().simple_query(sql);
        self.answered(running).await.inspect_err(|err| self.note(err))
    }

    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.begin(BEGIN).await?;
        Ok(Transaction(self))
    }

    /// A transaction and the answer to its first statement, which is prepared and sent with its
    /// beginning: one round trip. It sees what was committed before each of its statements.
    pub(crate) async fn transaction_with(
        &mut self,
        sql: &str,
        values: &[&dyn Parameter],
    ) -> Result<(Transaction<'_>, Row), Error> {
        self.is_in_transaction = true;
        let begun = self.batch_execute(BEGIN_COMMITTED);
        let (begun, answered) = join(begun, self.query_one(sql, values)).await;
        begun?;
        Ok((Transaction(self), answered?))
    }

    /// Sees to it that the statement will be sent when it is first polled, and not after another
    /// question to the server.
    pub(crate) async fn prepare(&self, sql: &str, types: &[Type]) -> Result<(), Error> {
        if !self.way.keeps_sessions() {
            return Ok(());
        }
        let client = self.client.as_ref().expect("it is there until this is dropped");
        let prepared = self.answered(client.prepare_typed_cached(sql, types)).await;
        prepared.map(drop).inspect_err(|err| self.note(err))
    }

    /// A transaction that reads one moment.
    pub async fn snapshot(&mut self) -> Result<Transaction<'_>, Error> {
        self.begin(BEGIN_SNAPSHOT).await?;
        Ok(Transaction(self))
    }

    /// Reads one moment from now on, until it is dropped.
    pub(super) async fn into_snapshot(mut self) -> Result<Session, Error> {
        self.begin(BEGIN_SNAPSHOT).await?;
        Ok(self)
    }

    /// In a transaction from now on, until it is dropped, which rolls back.
    pub(super) async fn into_open_transaction(mut self) -> Result<Session, Error> {
        self.begin(BEGIN).await?;
        Ok(self)
    }

    /// Whether the server's session is that of this connection for as long as it lives.
    pub(super) fn keeps_its_server(&self) -> bool {
        self.way.keeps_sessions()
    }

    /// The connection is closed when this is dropped, in place of being lent again.
    pub(super) fn discard(&self) {
        self.is_discarded.store(true, Ordering::Relaxed);
    }

    async fn begin(&mut self, begin: &str) -> Result<(), Error> {
        // From here on: who gives up while it waits may leave one behind.
        self.is_in_transaction = true;
        self.batch_execute(begin).await
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("it is there until this is dropped")
    }

    /// None: it is sent with each execution, in the same round trip.
    async fn prepared(
        &self,
        sql: &str,
        values: &[&dyn Parameter],
    ) -> Result<Option<Statement>, Error> {
        if !self.way.keeps_sessions() {
            return Ok(None);
        }
        let client = self.client.as_ref().expect("it is there until this is dropped");
        let types: Vec<Type> = values.iter().map(|value| value.sql_type()).collect();
        let statement = self.answered(client.prepare_typed_cached(sql, &types)).await;
        statement.map(Some).inspect_err(|err| self.note(err))
    }

    /// Knows of a statement until its answer is there; who gives up before drops the future.
    async fn answered<T>(&self, running: impl Future<Output = T>) -> T {
        let unanswered = Unanswered::of(&self.unanswered);
        let answer = running.await;
        unanswered.end();
        answer
    }

    /// Once more if the server cut it off, which undid it.
    async fn run<T, F>(&self, once: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if self.is_in_transaction {
            return once().await.inspect_err(|err| self.note(err));
        }
        if !self.way.cuts_off() {
            match once().await.inspect_err(|err| self.note(err)) {
                Err(err) if err.code() == Some(&SqlState::QUERY_CANCELED) => {}
                result => return result,
            }
        }
        self.patiently(once()).await.inspect_err(|err| self.note(err))
    }

    /// All three are sent at once, in this order: one round trip.
    async fn patiently<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let client = self.client();
        let (begun, done, ended) =
            join3(client.batch_execute(BEGIN_PATIENTLY), work, client.batch_execute("commit"))
                .await;
        let done = done?;
        begun?;
        ended?;
        Ok(done)
    }

    /// Learns from an error: how the server is reached, and whether this connection is of use.
    fn note(&self, err: &Error) {
        let Some(state) = err.code() else { return };
        match *state {
            SqlState::QUERY_CANCELED => self.way.note_cut_off(),
            SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => {
                self.way.note_other_session();
                self.discard();
            }
            // What was the primary is a standby now: none of its connections is of use.
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                self.discard();
                let pool = self.client.as_ref().and_then(Object::pool);
                pool.iter().for_each(|pool| drop(pool.retain(|_, _| false)));
            }
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
                self.discard()
            }
            _ => {}
        }
    }

    /// Queues it: nobody waits for the answer.
    fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_in_transaction) {
            let _ = self.client().batch_execute("rollback").now_or_never();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.roll_back();
        let Some(client) = self.client.take() else { return };
        let is_abandoned = self.unanswered.load(Ordering::Relaxed) != 0;
        if is_abandoned && self.way.keeps_sessions() {
            self.way.abandoned.stop(Object::take(client));
        } else if is_abandoned || self.is_discarded.load(Ordering::Relaxed) {
            drop(Object::take(client));
        }
    }
}

impl Transaction<'_> {
    pub async fn commit(self) -> Result<(), Error> {
        self.0.batch_execute("commit").await?;
        self.0.is_in_transaction = false;
        Ok(())
    }

    /// The commit was sent as a statement, and is through.
    pub(crate) fn was_committed(self) {
        self.0.is_in_transaction = false;
    }

    /// What `copy .. from stdin` reads. Prepared, which is right here also behind a pooler: to the end
    /// of the transaction it is the same server, and then the statement is gone.
    pub async fn copy_in<T>(&self, sql: &str) -> Result<CopyInSink<T>, Error>
    where
        T: Buf + Send + 'static,
    {
        let client = self.0.client();
        let statement = self.0.prepared(sql, &[]).await?;
        // The driver ends a COPY that does not begin, and takes the answer to that for the next
        // statement's: the connection is of no use unless this comes to a good end.
        let was_discarded = self.0.is_discarded.swap(true, Ordering::Relaxed);
        let copying = match statement {
            Some(statement) => client.copy_in(&statement).await,
            None => client.copy_in(sql).await,
        };
        match copying {
            Ok(copying) => {
                self.0.is_discarded.store(was_discarded, Ordering::Relaxed);
                Ok(copying)
            }
            Err(err) => {
                self.0.note(&err);
                Err(err)
            }
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.0
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.0.roll_back();
    }
}

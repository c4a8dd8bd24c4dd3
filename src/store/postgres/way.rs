//! The way to the server, as far as statements have to know it: shared by all pools of a process to
//! one server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::abandoned::Abandoned;
use super::session::Session;
use super::url::DatabaseUrl;
use super::{Database, DatabaseError};

/// What lies between, as the settings say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// Found out by [`Database::look_for_pooler`].
    #[default]
    Auto,
    /// Two transactions of one connection may meet two servers: PgBouncer with
    /// `pool_mode = transaction` and its like.
    Transaction,
    /// A connection is one to the server.
    None,
}

/// What is known of it.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) url: DatabaseUrl,
    /// What an error says about the server.
    pub(super) server: String,
    pub(super) pooler: Pooler,
    pub(super) abandoned: Abandoned,
    keeps_sessions: AtomicBool,
    is_known: AtomicBool,
    cuts_off: AtomicBool,
}

/// How often two connections are asked, in turn, which server they are at.
const ROUNDS: usize = 3;

const SERVER: &str = "select pg_backend_pid()";

impl Way {
    pub(super) fn new(
        url: DatabaseUrl,
        server: String,
        pooler: Pooler,
        abandoned: Abandoned,
    ) -> Way {
        Way {
            url,
            server,
            pooler,
            abandoned,
            keeps_sessions: AtomicBool::new(pooler == Pooler::None),
            is_known: AtomicBool::new(pooler != Pooler::Auto),
            cuts_off: AtomicBool::new(false),
        }
    }

    /// Whether what is prepared is there for the next statement. Of a way that is not known yet this
    /// is not assumed.
    pub(super) fn keeps_sessions(&self) -> bool {
        self.keeps_sessions.load(Ordering::Relaxed)
    }

    /// Whether the server has cut a statement off.
    pub(super) fn cuts_off(&self) -> bool {
        self.cuts_off.load(Ordering::Relaxed)
    }

    pub(super) fn note_cut_off(&self) {
        if !self.cuts_off.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "the server cut a statement off: from now on statements bring time limits of their own"
            );
        }
    }

    /// What was prepared is not there: a pooler that was not seen, or one that came later.
    pub(super) fn note_other_session(&self) {
        if self.pooler == Pooler::Auto && self.keeps_sessions.swap(false, Ordering::Relaxed) {
            say();
        }
    }
}

fn say() {
    tracing::info!("behind a transaction pooler: statements are not prepared");
}

impl Database {
    /// Finds out what lies between, if the settings leave it open, and says so once. `other` lends
    /// the second connection, and may be a clone.
    ///
    /// Two connections that are open at the same time, and at one server, share it; so does one whose
    /// server changes. Of a pool in which each keeps its own for six questions nothing is seen, but
    /// the first statement that is not where it was prepared tells it.
    pub async fn look_for_pooler(&self, other: &Database) -> Result<Pooler, DatabaseError> {
        let way = &self.way;
        if !way.is_known.load(Ordering::Relaxed) {
            let sessions = [self.client().await?, other.client().await?];
            let is_shared = share_servers(&sessions).await?;
            way.keeps_sessions.store(!is_shared, Ordering::Relaxed);
            way.is_known.store(true, Ordering::Relaxed);
            if is_shared {
                say();
            }
        } else if way.pooler == Pooler::Transaction {
            say();
        }
        Ok(self.pooler())
    }

    /// What lies between, as far as it is known.
    pub fn pooler(&self) -> Pooler {
        match (self.way.keeps_sessions(), self.way.is_known.load(Ordering::Relaxed)) {
            (true, _) => Pooler::None,
            (false, true) => Pooler::Transaction,
            (false, false) => Pooler::Auto,
        }
    }
}

async fn share_servers(sessions: &[Session; 2]) -> Result<bool, DatabaseError> {
    let mut seen = [BTreeSet::<i32>::new(), BTreeSet::new()];
    for _ in 0..ROUNDS {
        for (session, seen) in sessions.iter().zip(&mut seen) {
            seen.insert(session.query_one(SERVER, &[]).await?.get(0));
        }
        let changes = seen.iter().any(|servers| servers.len() > 1);
        if changes || !seen[0].is_disjoint(&seen[1]) {
            return Ok(true);
        }
    }
    Ok(false)
}

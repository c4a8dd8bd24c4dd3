//! One scheduler leads. Its token orders the sequences of all schedulers that ever led.

use std::time::Duration;

use super::{Database, DatabaseError, Session};
use crate::clock::Clock;
use crate::model::UnixTime;

pub use candidate::{Asked, Candidate, NotYet, TooFar};

mod candidate;

const NAME: &str = "scheduler";

/// No row comes back while somebody else leads, unless his lease still ends when a dead one did. Who
/// takes over gets the next token.
const TAKE: &str = "insert into leases as l (name, holder, token, expires_at)
    values ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 microsecond')
    on conflict (name) do update set holder = excluded.holder,
        token = l.token + (l.holder <> excluded.holder)::int, expires_at = excluded.expires_at
    where l.holder = excluded.holder or l.expires_at < clock_timestamp()
        or l.expires_at::text = $4
    returning token";

const HELD: &str = "select holder from leases where name = $1 and clock_timestamp() < expires_at";

const RELEASE: &str = "update leases set expires_at = clock_timestamp() - interval '1 second'
    where name = $1 and holder = $2";

/// The right to schedule, until its time is over.
#[derive(Clone, Debug)]
pub struct Lease {
    holder: String,
    token: u64,
    ttl: Duration,
    /// By this process's own clock, counted from before the last renewal was sent.
    valid_until: UnixTime,
}

/// What came of asking for the lease.
#[derive(Clone, Debug)]
pub enum Taken {
    Lease(Lease),
    /// A living process leads: it renewed its lease while this one waited.
    Held {
        holder: String,
    },
}

impl Lease {
    /// No ttl is longer. So a lease that was not renewed for so long is that of a dead process, though
    /// it may be said to run on: the server's clock was set back.
    pub const TTL_MAX: Duration = Duration::from_secs(300);

    /// Takes the lease; waits for one whose holder died to run out, which takes at most its ttl, or
    /// [`Lease::TTL_MAX`] if the server's clock was set back meanwhile.
    pub async fn take(
        database: &Database,
        clock: &Clock,
        ttl: Duration,
    ) -> Result<Taken, DatabaseError> {
        let mut candidate = Candidate::new(ttl, None);
        loop {
            match candidate.ask(database, clock).await? {
                Asked::Lease(lease) => return Ok(Taken::Lease(lease)),
                Asked::NotYet(NotYet { leader: Some(holder), is_living: true, .. }) => {
                    return Ok(Taken::Held { holder });
                }
                Asked::NotYet(NotYet { ask_again_in, .. }) => {
                    tokio::time::sleep(ask_again_in).await;
                }
            }
        }
    }

    /// Whose lease has not run out.
    pub async fn holder(database: &Database) -> Result<Option<String>, DatabaseError> {
        let client = database.client().await?;
        let row = client.query_opt(HELD, &[&NAME]).await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Whether a holder is a process of this machine.
    pub fn is_of_this_host(holder: &str) -> bool {
        holder.strip_prefix(&host()).is_some_and(|rest| rest.starts_with(':'))
    }

    /// Sequences of this leader's scans lie above this one, and above those of every earlier
    /// leader.
    pub fn sequence_start(&self) -> u64 {
        self.token << 40
    }

    /// Grows with each leader.
    pub fn token(&self) -> u64 {
        self.token
    }

    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// How long to wait before the next renewal.
    pub fn renewal(&self) -> Duration {
        self.ttl / 3
    }

    /// Prolongs the lease; false if somebody else has taken it.
    pub async fn renew(
        &mut self,
        database: &Database,
        clock: &Clock,
    ) -> Result<bool, DatabaseError> {
        let client = database.client().await?;
        let renewed = take(&client, clock, &self.holder, self.ttl, None).await?;
        Ok(match renewed {
            Some(lease) if lease.token == self.token => {
                self.valid_until = lease.valid_until;
                true
            }
            _ => false,
        })
    }

    /// Lets the next process lead at once.
    pub async fn release(self, database: &Database) -> Result<(), DatabaseError> {
        let client = database.client().await?;
        client.execute(RELEASE, &[&NAME, &self.holder]).await?;
        Ok(())
    }
}

fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().to_owned()
}

async fn take(
    session: &Session,
    clock: &Clock,
    holder: &str,
    ttl: Duration,
    dead: Option<&str>,
) -> Result<Option<Lease>, DatabaseError> {
    let valid_until = clock.now() + ttl;
    let ttl_us = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
    let row = session.query_opt(TAKE, &[&NAME, &holder, &ttl_us, &dead]).await?;
    Ok(row.map(|row| Lease {
        holder: holder.to_owned(),
        token: row.get::<_, i64>(0).unsigned_abs(),
        ttl,
        valid_until,
    }))
}

/// Why a process no longer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Another process took the lease.
    Taken,
    /// It could not be renewed in time.
    RanOut,
}

/// Renews the lease until that fails for so long that another process may take it; a holder stops
/// scheduling then. It decides by its own clock: the database may be what cannot be reached.
pub async fn keep(mut lease: Lease, database: &Database, clock: &Clock) -> Lost {
    let mut pause = lease.renewal();
    loop {
        let left = lease.valid_until.since(clock.now());
        if left.is_zero() {
            return Lost::RanOut;
        }
        tokio::time::sleep(pause.min(left)).await;
        let left = lease.valid_until.since(clock.now());
        pause = match tokio::time::timeout(left, lease.renew(database, clock)).await {
            Ok(Ok(true)) => lease.renewal(),
            Ok(Ok(false)) => return Lost::Taken,
            Ok(Err(err)) => {
                tracing::warn!(error = &err as &dyn std::error::Error, "renewing the lease again");
                lease.renewal() / 4
            }
            Err(_elapsed) => return Lost::RanOut,
        };
    }
}

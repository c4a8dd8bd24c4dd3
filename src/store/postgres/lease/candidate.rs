//! One who would lead. It asks again and again, at the price of one small query, which writes nothing
//! as long as somebody else leads.

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use super::{Lease, NAME, host, take};
use crate::clock::Clock;
use crate::model::UnixTime;
use crate::store::postgres::{Database, DatabaseError, Session};

const LOOK: &str = "select holder, expires_at::text,
        greatest(extract(epoch from expires_at - clock_timestamp()) * 1000000, 0)::bigint
    from leases where name = $1";

/// A lease that is given up is noticed within this time; a dead one when it has run out.
const LOOK_MAX: Duration = Duration::from_secs(1);
const LOOK_MIN: Duration = Duration::from_millis(10);
/// Their median counts: the first on a connection prepares its statement as well.
const ROUND_TRIPS: usize = 5;

/// Asks for the lease, and remembers what it saw.
#[derive(Debug)]
pub struct Candidate {
    holder: String,
    ttl: Duration,
    round_trip_max: Option<Duration>,
    /// The last ones.
    round_trips: VecDeque<Duration>,
    seen: Option<Seen>,
}

/// The lease of somebody else.
#[derive(Debug)]
struct Seen {
    holder: String,
    expires_at: String,
    /// When it was first seen as it is, by the clock of this process.
    since: UnixTime,
    /// It was seen otherwise before.
    is_living: bool,
}

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    Lease(Lease),
    NotYet(NotYet),
}

/// Why there is no lease yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// Whose lease is in the way.
    pub leader: Option<String>,
    /// The lease was renewed since somebody asked first.
    pub is_living: bool,
    /// Nor would there be one if nobody led.
    pub too_far: Option<TooFar>,
    pub ask_again_in: Duration,
}

/// The server is further away than whoever leads may be from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database is too far away to lead from here: a round trip takes {:.1} ms, and \
     schedule.lead_rtt_max is {:.1} ms", ms(.round_trip), ms(.max)
)]
pub struct TooFar {
    /// The median of some.
    pub round_trip: Duration,
    pub max: Duration,
}

fn ms(length: &Duration) -> f64 {
    length.as_secs_f64() * 1_000.0
}

impl Candidate {
    /// With a name that no other has. `round_trip_max` is how far away the server may be; None: as
    /// far as it likes.
    pub fn new(ttl: Duration, round_trip_max: Option<Duration>) -> Candidate {
        let holder = format!("{}:{}:{}", host(), std::process::id(), Uuid::new_v4());
        let round_trips = VecDeque::with_capacity(ROUND_TRIPS);
        Candidate { holder, ttl, round_trip_max, round_trips, seen: None }
    }

    /// Takes the lease if it is nobody's: it was released, it has run out, or it was not renewed for
    /// [`Lease::TTL_MAX`].
    pub async fn ask(
        &mut self,
        database: &Database,
        clock: &Clock,
    ) -> Result<Asked, DatabaseError> {
        let asked = self.try_to_ask(database, clock).await;
        if asked.is_err() {
            // The next connection may lead to another server.
            self.round_trips.clear();
        }
        asked
    }

    async fn try_to_ask(
        &mut self,
        database: &Database,
        clock: &Clock,
    ) -> Result<Asked, DatabaseError> {
        let client = database.client().await?;
        let mut left = self.look(&client, clock).await?;
        while self.round_trip_max.is_some() && self.round_trips.len() < ROUND_TRIPS {
            left = self.look(&client, clock).await?;
        }
        let look = LOOK_MAX.min(self.ttl / 10);
        let too_far = self.too_far();
        let not_yet = NotYet { leader: None, is_living: false, too_far, ask_again_in: look };
        let mut dead = None;
        // One of its own is that of a try whose answer was lost.
        let is_in_the_way = |seen: &&Seen| !left.is_zero() && seen.holder != self.holder;
        if let Some(seen) = self.seen.as_ref().filter(is_in_the_way) {
            if clock.now().since(seen.since) < Lease::TTL_MAX {
                let ask_again_in = left.clamp(LOOK_MIN, look);
                let (leader, is_living) = (Some(seen.holder.clone()), seen.is_living);
                return Ok(Asked::NotYet(NotYet { leader, is_living, ask_again_in, ..not_yet }));
            }
            dead = Some(seen.expires_at.as_str());
        }
        if too_far.is_some() {
            return Ok(Asked::NotYet(not_yet));
        }
        let taken = take(&client, clock, &self.holder, self.ttl, dead);
        let lease = in_time(&client, self.ttl, taken).await?;
        // None: somebody else was faster.
        Ok(lease.map_or(Asked::NotYet(NotYet { ask_again_in: LOOK_MIN, ..not_yet }), Asked::Lease))
    }

    /// How long the lease that there is runs on; zero if there is none.
    async fn look(&mut self, client: &Session, clock: &Clock) -> Result<Duration, DatabaseError> {
        let sent_at = clock.now();
        let row = in_time(client, self.ttl, client.query_opt(LOOK, &[&NAME])).await?;
        let now = clock.now();
        if self.round_trips.len() == ROUND_TRIPS {
            self.round_trips.pop_front();
        }
        self.round_trips.push_back(now.since(sent_at));
        let Some(row) = row else { return Ok(Duration::ZERO) };
        let (holder, expires_at): (String, String) = (row.get(0), row.get(1));
        let is_other = |seen: &Seen| (&seen.holder, &seen.expires_at) != (&holder, &expires_at);
        if self.seen.as_ref().is_none_or(is_other) {
            let is_living = self.seen.is_some();
            self.seen = Some(Seen { holder, expires_at, since: now, is_living });
        }
        Ok(Duration::from_micros(row.get::<_, i64>(2).unsigned_abs()))
    }

    /// None as well if nobody wants to know.
    fn too_far(&self) -> Option<TooFar> {
        let max = self.round_trip_max?;
        let mut round_trips: Vec<Duration> = self.round_trips.iter().copied().collect();
        round_trips.sort_unstable();
        let round_trip = *round_trips.get(round_trips.len() / 2)?;
        (max < round_trip).then_some(TooFar { round_trip, max })
    }
}

/// A server that is silent for as long as a lease holds may have been left for another: it is asked on
/// another connection next.
async fn in_time<T, E: Into<DatabaseError>>(
    client: &Session,
    within: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, DatabaseError> {
    match tokio::time::timeout(within, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_elapsed) => {
            client.discard();
            Err(DatabaseError::Silent { within })
        }
    }
}

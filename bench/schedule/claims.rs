//! The way of the story: claims in SQL, with an index on the time of the last scan.

use std::time::{Duration, SystemTime};

use futures_util::stream::{FuturesUnordered, StreamExt};
use scanflow::clock::Clock;
use scanflow::model::UnixTime;
use scanflow::schedule::{Cadences, TokenBucket};
use scanflow::store::postgres::Database;
use uuid::Uuid;

use super::{Done, SCANS_MAX, TICK};

/// Oldest first; what another one is claiming is left to that one.
const CLAIM: &str = "
    with next as materialized (
        select asset_id from claimed_assets
         where plan = $1 and last_scheduled_at < $2
         order by last_scheduled_at limit $3 for update skip locked)
    update claimed_assets c set last_scheduled_at = $4
      from next where c.asset_id = next.asset_id
    returning c.asset_id, c.sequence, c.digest";

const COMPLETE: &str = "
    update claimed_assets c
       set last_completed_at = $1, config_version = 1, sequence = u.sequence, digest = u.digest,
           duration_us = 250, records = 3
      from unnest($2::bigint[], $3::bigint[], $4::uuid[]) as u(asset_id, sequence, digest)
     where c.asset_id = u.asset_id and c.sequence < u.sequence";

const PLAN: &str = "free";

pub(super) struct Claims<'c> {
    database: Database,
    clock: &'c Clock,
    per_second: f64,
    flights_max: usize,
}

/// How long a claim and the update at completion took.
struct Scanned {
    scans: u64,
    claim: Duration,
    flush: Duration,
}

impl Claims<'_> {
    pub(super) fn new(
        database: Database,
        clock: &Clock,
        per_second: f64,
        flights_max: usize,
    ) -> Claims<'_> {
        Claims { database, clock, per_second, flights_max }
    }

    /// Claims for so long, and makes all of it durable.
    pub(super) async fn scan(self, length: Duration) -> anyhow::Result<Done> {
        let mut bucket = TokenBucket::new(self.per_second);
        let mut done = Done::default();
        let mut flights = FuturesUnordered::new();
        let started = self.clock.now();
        let (end, mut allowed) = (started + length, 0);
        loop {
            let now = self.clock.now();
            while now < end && allowed < SCANS_MAX && bucket.take(now) {
                allowed += 1;
            }
            let is_ready = allowed == SCANS_MAX || (end <= now && 0 < allowed);
            if is_ready && flights.len() < self.flights_max {
                flights.push(self.claim(std::mem::take(&mut allowed)));
                continue;
            }
            if end <= now && flights.is_empty() {
                break;
            }
            tokio::select! {
                Some(scanned) = flights.next() => {
                    let Scanned { scans, claim, flush } = scanned?;
                    done.scans += scans;
                    done.claims_ms.push(claim.as_secs_f64() * 1e3);
                    done.flushes_ms.push(flush.as_secs_f64() * 1e3);
                }
                () = tokio::time::sleep(TICK) => {}
            }
        }
        done.seconds = self.clock.now().since(started).as_secs_f64();
        Ok(done)
    }

    async fn claim(&self, assets_max: usize) -> anyhow::Result<Scanned> {
        let client = self.database.client().await?;
        let started = self.clock.now();
        let due = started.before(Cadences::default().of(PLAN)).unwrap_or(UnixTime::from_micros(0));
        let (at, due) = (SystemTime::from(started), SystemTime::from(due));
        let rows = client.query(CLAIM, &[&PLAN, &due, &(assets_max as i64), &at]).await?;
        let claimed = self.clock.now();
        let mut scans: Vec<(i64, i64, Uuid)> =
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        scans.sort_unstable();
        let assets: Vec<i64> = scans.iter().map(|(asset, ..)| *asset).collect();
        let sequences: Vec<i64> = scans.iter().map(|(_, sequence, _)| sequence + 1).collect();
        let digests: Vec<Option<Uuid>> = scans.iter().map(|(.., digest)| Some(*digest)).collect();
        let now = SystemTime::from(self.clock.now());
        let completed = client.execute(COMPLETE, &[&now, &assets, &sequences, &digests]).await?;
        let flushed = self.clock.now();
        Ok(Scanned {
            scans: completed,
            claim: claimed.since(started),
            flush: flushed.since(claimed),
        })
    }
}

//! Breaks zones and repairs them later, through the import, as the people of a real fleet would.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::generate::{Random, mistake};
use scanflow::inventory::{ContentHash, SetSeen, ZoneEntry, ZoneSeen};
use scanflow::model::{Record, UnixTime};
use scanflow::schedule::Cadences;
use scanflow::store::postgres::import::{SourceWriter, Written, zone_from};
use scanflow::store::postgres::{Database, DatabaseError};

use super::view::Board;

/// Zones that are broken at once, before the pace begins: something opens soon.
const FIRST: usize = 10;
/// Zones that are broken at a time, whatever the pace.
const BROKEN_MAX: usize = 60;
/// One zone of so many is broken at most.
const SHARE: u64 = 4;
/// Broken zones of one cadence of `free`.
const A_CADENCE: u32 = 30;
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a zone stays broken: longer than its cadence, so that a scan sees it.
const CADENCES_BROKEN: f64 = 1.3;
/// And what a scan may take.
const SLACK: Duration = Duration::from_secs(1);
/// Larger zones are left alone: their records are read and written as a whole.
const RECORDS_MAX: i32 = 200;

pub(super) struct Mutator {
    database: Database,
    clock: Clock,
    board: Board,
    cadences: Cadences,
    random: Random,
    broken_max: usize,
    broken: VecDeque<Broken>,
}

/// A zone that was broken, and what it was before.
struct Broken {
    id: i64,
    source: String,
    records: Vec<Record>,
    until: UnixTime,
}

/// Of the zones: the lowest and the highest.
#[derive(Clone, Copy, Debug)]
struct Ids {
    first: i64,
    last: i64,
}

impl Mutator {
    /// `cadences` as they are kept.
    pub(super) fn new(
        database: Database,
        clock: Clock,
        board: Board,
        cadences: Cadences,
        seed: u64,
    ) -> Mutator {
        tracing::debug!(seed, "mistakes are made by this seed");
        let random = Random::new(seed);
        let (broken_max, broken) = (BROKEN_MAX, VecDeque::new());
        Mutator { database, clock, board, cadences, random, broken_max, broken }
    }

    /// Goes on for ever. What the database does not take is tried again with another zone.
    pub(super) async fn run(mut self) -> Infallible {
        let pause = (self.cadences.of("free") / A_CADENCE).clamp(PAUSE_MIN, PAUSE_MAX);
        let ids = loop {
            match self.ids().await {
                Ok(ids) => break ids,
                Err(err) => missed(&err),
            }
            tokio::time::sleep(PAUSE_MAX).await;
        };
        for _ in 0..FIRST {
            self.break_one(ids).await.unwrap_or_else(|err| missed(&err));
        }
        loop {
            tokio::time::sleep(pause).await;
            self.repair_due().await.unwrap_or_else(|err| missed(&err));
            self.break_one(ids).await.unwrap_or_else(|err| missed(&err));
        }
    }

    async fn ids(&mut self) -> Result<Ids, DatabaseError> {
        let client = self.database.client().await?;
        let query = "select coalesce(min(id), 0), coalesce(max(id), 0), count(*) from zones";
        let row = client.query_one(query, &[]).await?;
        let zones = row.get::<_, i64>(2).unsigned_abs();
        self.broken_max = usize::try_from(zones / SHARE).unwrap_or(BROKEN_MAX).clamp(1, BROKEN_MAX);
        Ok(Ids { first: row.get(0), last: row.get(1) })
    }

    async fn break_one(&mut self, ids: Ids) -> Result<(), DatabaseError> {
        if self.broken_max <= self.broken.len() {
            return Ok(());
        }
        let width = ids.last.abs_diff(ids.first).saturating_add(1);
        let from = ids.first.saturating_add_unsigned(self.random.below(width));
        let choice = self.random.below(u64::MAX);
        let Some(zone) = zone_from(&self.database, from, RECORDS_MAX).await? else {
            return Ok(());
        };
        if self.broken.iter().any(|broken| broken.id == zone.id) {
            return Ok(());
        }
        let mut writer = SourceWriter::open(&self.database, &zone.source).await?;
        let Some((entry, records)) = writer.stored_zone(zone.id).await? else { return Ok(()) };
        let set = records.iter().cloned().collect();
        let Some(made) = mistake(&entry.name, &set, choice) else { return Ok(()) };
        tracing::debug!(zone = entry.name, check = made.check, "breaking");
        write(&mut writer, entry, made.records).await?;
        let broken_for = self.cadences.of(&zone.plan).mul_f64(CADENCES_BROKEN) + SLACK;
        let until = self.clock.now() + broken_for;
        self.broken.push_back(Broken { id: zone.id, source: zone.source, records, until });
        self.board.change(|view| view.broken += 1);
        Ok(())
    }

    async fn repair_due(&mut self) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        while let Some(index) = self.broken.iter().position(|broken| broken.until <= now) {
            let Broken { id, source, records, .. } = &self.broken[index];
            let mut writer = SourceWriter::open(&self.database, source).await?;
            if let Some((entry, _)) = writer.stored_zone(*id).await? {
                tracing::debug!(zone = entry.name, "repairing");
                write(&mut writer, entry, records.clone()).await?;
            }
            self.broken.remove(index);
            self.board.change(|view| view.repaired += 1);
        }
        Ok(())
    }
}

fn missed(err: &DatabaseError) {
    tracing::warn!(error = err as &dyn std::error::Error, "a zone could not be changed");
}

/// Replaces the records of a zone.
async fn write(
    writer: &mut SourceWriter,
    entry: ZoneEntry,
    records: Vec<Record>,
) -> Result<(), DatabaseError> {
    let hash = records.iter().map(ContentHash::of_record);
    let hash = hash.fold(ContentHash::default(), |sum, hash| sum + hash);
    let set = SetSeen::Whole { records: u32::try_from(records.len()).unwrap_or(u32::MAX), hash };
    let changes = writer.compare(vec![ZoneSeen { entry, set }], &mut Written::default()).await?;
    writer.zones(changes.into_iter().map(|change| (change, records.clone())).collect()).await
}

//! What is taken away from a sink leaves no trace in what it wrote.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use scanflow::clock::Clock;
use scanflow::model::Outcome;
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::Database;
use scanflow::store::postgres::cluster::StopMode;
use scanflow_testing::ThrowAwayServer;
use serde::Serialize;

use super::bars::Bar;
use super::dice::Dice;
use super::frozen::Frozen;
use super::outcomes::{Evidence, outcome};
use crate::print::{print, tell};

/// Each has assets of its own, since which of two writers comes first is not told again.
const WRITERS: u64 = 4;
const ASSETS_EACH: u64 = 200;
const OUTCOMES: u64 = 16;
/// One flush in so many is of one asset with many findings.
const LARGE_IN: u64 = 30;
const LARGE_FINDINGS: usize = 6_000;

/// As the operator: again after a pause.
const PAUSE: Duration = Duration::from_millis(20);
const FROZEN_MS_MAX: u64 = 800;
/// So many flushes between two disturbances, at most.
const FLUSHES_BETWEEN_MAX: u64 = 12;
/// And then so much into a flush.
const INTO_FLUSH_US_MAX: u64 = 20_000;

/// One that works, if any does.
const END_ONE: &str = "select coalesce(bool_or(pg_terminate_backend(pid)), false) from (
    select pid from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()
       and backend_type = 'client backend'
     order by state = 'active' desc, random() limit 1) backend";

/// A server that freezes, dies and ends connections under load
#[derive(Debug, clap::Args)]
pub(crate) struct Faults {
    /// How often the server is stopped, frozen and killed by turns
    #[arg(long, default_value_t = 20)]
    stops: usize,

    /// How many connections are ended
    #[arg(long, default_value_t = 200)]
    kills: usize,

    /// Of all that is random but the moments; from the clock if there is none
    #[arg(long)]
    seed: Option<u64>,

    /// One object, in place of lines for people
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    seed: u64,
    stops: usize,
    kills: usize,
    seconds: f64,
    flushes: u64,
    outcomes: u64,
    failed_flushes: u64,
    /// Outcomes that had been applied though their flush failed.
    duplicates: u64,
    parked: u64,
    insights: usize,
    history_rows: usize,
    /// Lines of insights and history that the disturbed and the undisturbed do not share.
    different: usize,
}

#[derive(Debug, Default)]
struct Counted {
    flushes: AtomicU64,
    outcomes: AtomicU64,
    failed: AtomicU64,
    duplicates: AtomicU64,
    parked: AtomicU64,
    is_over: AtomicBool,
}

#[derive(Clone, Copy)]
enum Fault {
    Freeze,
    Die,
    EndConnection,
}

impl Faults {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let seed = self.seed.unwrap_or_else(|| clock.now().as_micros());
        tell(&format!("seed {seed}"));
        // What it said is committed survives its processes.
        let server = ThrowAwayServer::start(&[("synchronous_commit", "on")]);
        let disturbed = scanflow_testing::database_on(&server).await;
        let undisturbed = scanflow_testing::database_on(&server).await;
        for test in [&disturbed, &undisturbed] {
            let make = format!(
                "insert into scan_state (asset_id) select generate_series(0, {})",
                WRITERS * ASSETS_EACH
            );
            test.database.client().await?.batch_execute(&make).await?;
        }

        let counted = Counted::default();
        let started = clock.now();
        let writers =
            (0..WRITERS).map(|writer| write(&disturbed.url, &clock, seed, writer, &counted));
        let disturbing = async {
            let ended = self.disturb(&server, &disturbed.database, &counted, seed).await;
            counted.is_over.store(true, Ordering::Relaxed);
            ended
        };
        let (rounds, ended) = tokio::join!(join_all(writers), disturbing);
        ended?;
        let seconds = clock.now().since(started).as_secs_f64();
        let rounds = rounds.into_iter().collect::<Result<Vec<u64>, _>>()?;

        for (writer, rounds) in (0..WRITERS).zip(rounds) {
            let sink = Postgres::new(undisturbed.database.clone(), clock.clone());
            for round in 1..=rounds {
                let batch = batch(seed, writer, round);
                let flushed = sink.flush(&batch).await?;
                let all = flushed.iter().all(|how| *how == Flushed::Done);
                anyhow::ensure!(all, "undisturbed, not all were applied");
            }
        }
        let mut different = 0;
        let mut lines = [0; 2];
        for (lines, query) in lines.iter_mut().zip([INSIGHTS, HISTORY]) {
            let one = text(&disturbed.database, query).await?;
            let other = text(&undisturbed.database, query).await?;
            *lines = other.len();
            different += differences(&one, &other);
        }
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let figures = Figures {
            bench: "sink.faults",
            seed,
            stops: self.stops,
            kills: self.kills,
            seconds,
            flushes: of(&counted.flushes),
            outcomes: of(&counted.outcomes),
            failed_flushes: of(&counted.failed),
            duplicates: of(&counted.duplicates),
            parked: of(&counted.parked),
            insights: lines[0],
            history_rows: lines[1],
            different,
        };
        print(self.json, &figures)?;
        for (what, count) in [("lines that differ", different as u64), ("parked", figures.parked)] {
            tell(&Bar::at_most(what, count as f64, 0.0).to_string());
        }
        anyhow::ensure!(different == 0, "the disturbed run left something else");
        Ok(())
    }

    async fn disturb(
        &self,
        server: &ThrowAwayServer,
        database: &Database,
        counted: &Counted,
        seed: u64,
    ) -> anyhow::Result<()> {
        let mut dice = Dice::seeded(seed);
        let mut faults = vec![Fault::EndConnection; self.kills];
        faults.extend((0..self.stops).map(|stop| [Fault::Freeze, Fault::Die][stop % 2]));
        dice.shuffle(&mut faults);
        for fault in faults {
            let until = counted.flushes.load(Ordering::Relaxed) + dice.below(FLUSHES_BETWEEN_MAX);
            while counted.flushes.load(Ordering::Relaxed) < until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(dice.below(INTO_FLUSH_US_MAX))).await;
            match fault {
                Fault::Freeze => {
                    let pid = server.server().pid().context("the server has no process")?;
                    let frozen = tokio::task::block_in_place(|| Frozen::server(pid));
                    tokio::time::sleep(Duration::from_millis(dice.below(FROZEN_MS_MAX))).await;
                    drop(frozen);
                }
                Fault::Die => tokio::task::block_in_place(|| {
                    server.server().stop(StopMode::Immediate)?;
                    server.start_again();
                    anyhow::Ok(())
                })?,
                Fault::EndConnection => {
                    // Not while all of them are away.
                    while !end_one(database).await.unwrap_or(false) {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            }
        }
        Ok(())
    }
}

async fn end_one(database: &Database) -> anyhow::Result<bool> {
    Ok(database.client().await?.query_one(END_ONE, &[]).await?.get(0))
}

/// Until it is told that all is over. Returns how many batches it wrote.
async fn write(
    url: &str,
    clock: &Clock,
    seed: u64,
    writer: u64,
    counted: &Counted,
) -> anyhow::Result<u64> {
    let sink = Postgres::new(Database::open(url, 2)?, clock.clone());
    let mut round = 0;
    while !counted.is_over.load(Ordering::Relaxed) {
        round += 1;
        let batch = batch(seed, writer, round);
        let flushed = loop {
            match sink.flush(&batch).await {
                Ok(flushed) => break flushed,
                Err(_) => counted.failed.fetch_add(1, Ordering::Relaxed),
            };
            tokio::time::sleep(PAUSE).await;
        };
        let count = |how| flushed.iter().filter(|flushed| **flushed == how).count() as u64;
        anyhow::ensure!(count(Flushed::Stale) == 0, "nobody else writes these assets");
        counted.duplicates.fetch_add(count(Flushed::Duplicate), Ordering::Relaxed);
        counted.parked.fetch_add(count(Flushed::Parked), Ordering::Relaxed);
        counted.outcomes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        counted.flushes.fetch_add(1, Ordering::Relaxed);
    }
    Ok(round)
}

/// The same for the same numbers.
fn batch(seed: u64, writer: u64, round: u64) -> Vec<Outcome> {
    let mut dice = Dice::seeded(seed ^ writer << 48 ^ round << 8);
    let is_large = dice.below(LARGE_IN) == 0;
    let mut chosen: Vec<u64> = match is_large {
        true => vec![dice.below(2)],
        false => (0..OUTCOMES).map(|_| dice.below(ASSETS_EACH)).collect(),
    };
    chosen.sort_unstable();
    chosen.dedup();
    let outcome = |chosen: u64| {
        let asset = (writer * ASSETS_EACH + chosen).cast_signed();
        let size = if is_large { LARGE_FINDINGS } else { dice.below(8) as usize };
        let evidence = match dice.below(3) {
            0 => Evidence::AtFirst,
            every => Evidence::OtherIn(every),
        };
        outcome(asset, round, size, evidence, dice.below(4) != 0)
    };
    chosen.into_iter().map(outcome).collect()
}

const INSIGHTS: &str = "
    select concat_ws(' ', i.asset_id, c.name, i.subject, i.severity, i.evidence,
                     i.resolved_at is null, i.resolution)
      from insights i join checks c on c.id = i.check_id
     order by i.asset_id, c.name, i.subject";

const HISTORY: &str = "
    select concat_ws(' ', e.asset_id, e.sequence, c.name, e.subject, e.change, e.severity,
                     e.evidence, e.reason)
      from insight_events e join checks c on c.id = e.check_id
     order by e.asset_id, e.sequence, c.name, e.subject, e.change";

async fn text(database: &Database, query: &str) -> anyhow::Result<Vec<String>> {
    let rows = database.client().await?.query(query, &[]).await?;
    let mut lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// Lines of one that the other has not, each as often as it is there more often.
fn differences(one: &[String], other: &[String]) -> usize {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut different = 0;
    loop {
        match (one.peek(), other.peek()) {
            (Some(left), Some(right)) if left == right => {
                one.next();
                other.next();
                continue;
            }
            (Some(left), Some(right)) if left < right => one.next(),
            (_, Some(_)) => other.next(),
            (Some(_), None) => one.next(),
            (None, None) => return different,
        };
        different += 1;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: the server stopped {} times, ", self.seed, self.stops)?;
        write!(f, "{} connections ended in {:.0} s; ", self.kills, self.seconds)?;
        write!(f, "{} flushes of {} outcomes, ", self.flushes, self.outcomes)?;
        write!(f, "{} tried again, {} outcomes known ", self.failed_flushes, self.duplicates)?;
        write!(f, "from before, {} parked; ", self.parked)?;
        write!(f, "{} insights and {} rows of history, ", self.insights, self.history_rows)?;
        write!(f, "{} different", self.different)
    }
}

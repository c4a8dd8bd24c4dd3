//! Several writers over the same assets: whom they wait for, and that nobody is a deadlock's victim.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use scanflow::clock::Clock;
use scanflow::model::Outcome;
use scanflow::sinks::Sink;
use scanflow::sinks::postgres::Postgres;
use serde::Serialize;

use super::bars::Bar;
use super::dice::Dice;
use super::outcomes::{Evidence, outcome};
use crate::print::{print, tell};
use crate::server::Server;

const ASSETS: u64 = 2_000;
const OUTCOMES_MAX: u64 = 256;

/// One flush in so many is of one asset with many findings.
const LARGE_IN: u64 = 50;
const LARGE_ASSETS: u64 = 4;
const LARGE_FINDINGS: usize = 20_000;

const SAMPLES_PER_SECOND: u64 = 10;

/// What the writers' connections do at this moment.
const STATES: &str = "
    select case when state = 'idle' then 'idle: the client works'
                when wait_event is null then 'runs'
                else wait_event_type || ': ' || wait_event end
      from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend'
       and pid <> pg_backend_pid()";

/// Writers that meet at the same assets
#[derive(Debug, clap::Args)]
pub(crate) struct Contention {
    #[arg(long, default_value_t = 4)]
    writers: u64,

    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,

    /// Of the random batches; any other is as good
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// One object, in place of lines for people
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    writers: u64,
    seed: u64,
    seconds: f64,
    flushes: u64,
    scans_per_second: f64,
    overtaken: u64,
    deadlocks: i64,
    errors: u64,
    /// Shares of the time of all connections.
    waits: BTreeMap<String, f64>,
}

#[derive(Debug, Default)]
struct Counted {
    flushes: AtomicU64,
    scans: AtomicU64,
    overtaken: AtomicU64,
    errors: AtomicU64,
    sequence: AtomicU64,
    is_over: AtomicBool,
}

impl Contention {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let make = format!(
            "insert into scan_state (asset_id) select n from generate_series(1, {ASSETS}) n"
        );
        server.execute(&make).await?;
        let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
        let before = server.number(deadlocks).await?;
        let counted = Counted::default();
        let started = clock.now();
        let writers = (0..self.writers).map(|writer| {
            let mut dice = Dice::seeded(self.seed << 16 | writer);
            let (server, clock, counted) = (&server, &clock, &counted);
            async move { write(server, clock, &mut dice, counted).await }
        });
        let (_, samples) =
            tokio::try_join!(try_join_all(writers), self.sample(&server, &counted.is_over))?;
        let seconds = clock.now().since(started).as_secs_f64();
        // The connections have ended, and with that told of all.
        let after = server.number(deadlocks).await?;
        let total = samples.values().sum::<u64>() as f64;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let figures = Figures {
            bench: "sink.contention",
            writers: self.writers,
            seed: self.seed,
            seconds,
            flushes: of(&counted.flushes),
            scans_per_second: of(&counted.scans) as f64 / seconds,
            overtaken: of(&counted.overtaken),
            deadlocks: after - before,
            errors: of(&counted.errors),
            waits: samples.into_iter().map(|(wait, count)| (wait, count as f64 / total)).collect(),
        };
        print(self.json, &figures)?;
        let bar = Bar::at_most("deadlocks", figures.deadlocks as f64, 0.0);
        tell(&bar.to_string());
        Ok(())
    }

    async fn sample(
        &self,
        server: &Server,
        is_over: &AtomicBool,
    ) -> anyhow::Result<BTreeMap<String, u64>> {
        let client = server.connections.lease.client().await?;
        let mut samples = BTreeMap::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / SAMPLES_PER_SECOND as u32);
        for _ in 0..self.seconds * SAMPLES_PER_SECOND {
            ticks.tick().await;
            for row in client.query(STATES, &[]).await? {
                *samples.entry(row.get(0)).or_default() += 1;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        Ok(samples)
    }
}

async fn write(
    server: &Server,
    clock: &Clock,
    dice: &mut Dice,
    counted: &Counted,
) -> anyhow::Result<()> {
    let sink = Postgres::new(server.open(1)?, clock.clone());
    while !counted.is_over.load(Ordering::Relaxed) {
        let sequence = 1 + counted.sequence.fetch_add(1, Ordering::Relaxed);
        let batch = batch(dice, sequence);
        match sink.flush(&batch).await {
            Ok(flushed) => {
                let overtaken =
                    flushed.iter().filter(|how| **how != scanflow::sinks::Flushed::Done);
                counted.overtaken.fetch_add(overtaken.count() as u64, Ordering::Relaxed);
            }
            // The operator would try again.
            Err(err) => {
                tell(&format!("{err}: {:?}", err.source));
                counted.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
        counted.flushes.fetch_add(1, Ordering::Relaxed);
        counted.scans.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Different assets in any order; half of them with a digest, so that some are compared by keys.
fn batch(dice: &mut Dice, sequence: u64) -> Vec<Outcome> {
    let is_large = dice.below(LARGE_IN) == 0;
    let (count, assets) =
        if is_large { (1, LARGE_ASSETS) } else { (1 + dice.below(OUTCOMES_MAX), ASSETS) };
    let mut chosen: Vec<u64> = (0..count).map(|_| 1 + dice.below(assets)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    dice.shuffle(&mut chosen);
    let outcome = |asset: u64| {
        let size = if is_large { LARGE_FINDINGS } else { dice.below(6) as usize };
        let evidence = if dice.below(4) == 0 {
            Evidence::OtherIn(1 + dice.below(3))
        } else {
            Evidence::AtFirst
        };
        outcome(asset.cast_signed(), sequence, size, evidence, dice.below(2) == 0)
    };
    chosen.into_iter().map(outcome).collect()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} writers, {:.0} s, seed {}: ", self.writers, self.seconds, self.seed)?;
        write!(f, "{} flushes, {:.0} scans/s, ", self.flushes, self.scans_per_second)?;
        write!(f, "{} outcomes were overtaken; ", self.overtaken)?;
        write!(f, "{} deadlocks, {} errors", self.deadlocks, self.errors)?;
        let mut waits: Vec<_> = self.waits.iter().collect();
        waits.sort_by(|a, b| b.1.total_cmp(a.1));
        waits.iter().try_for_each(|(wait, share)| write!(f, "\n{:>6.2} % {wait}", *share * 100.0))
    }
}

//! One flush of one asset: by size, by what has changed since the flush before, and by way of
//! writing.

use std::fmt;

use clap::ValueEnum;
use scanflow::clock::Clock;
use scanflow::model::Outcome;
use serde::Serialize;

use super::bars;
use super::outcomes::{Evidence, outcome};
use super::ways::{Given, OTHERS_FROM, Target, Way};
use crate::meter::{Meter, Used};
use crate::print::{print, tell};
use crate::server::Server;

/// A measurement of small flushes takes so many of them that they hold about this many findings.
const FINDINGS: usize = 10_000;
const FLUSHES_MAX: usize = 150;

/// Every hundredth finding.
const ONE_PERCENT: u64 = 100;

/// The scan before any measured one: prepares statements, draws the numbers of checks.
const WARM_UP_ASSET: i64 = 0;

/// Seconds of one flush, by size, mode and way of writing
#[derive(Debug, clap::Args)]
pub(crate) struct Sweep {
    /// Findings of a flush
    #[arg(long, value_delimiter = ',',
          default_values_t = [1, 10, 100, 1_000, 10_000, 100_000, 500_000])]
    sizes: Vec<usize>,

    /// What has changed since the scan before; all after another, for each builds on the one before
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Mode::ALL)]
    modes: Vec<Mode>,

    /// Ways of writing
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Way::ALL)]
    ways: Vec<Way>,

    /// `rows` takes minutes above this size and is left out
    #[arg(long, value_name = "FINDINGS", default_value_t = 10_000)]
    rows_max: usize,

    /// Rounds of all ways, one after the other; medians are told
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// One object a measurement, in place of lines for people
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Nothing is stored of the asset
    Fresh,
    /// The same findings again
    Same,
    /// Other evidence of one finding in a hundred
    #[serde(rename = "changed_1pct")]
    #[value(name = "changed_1pct")]
    Changed1pct,
    /// Other evidence of every finding
    Changed,
}

impl Mode {
    pub(crate) const ALL: [Mode; 4] = [Mode::Fresh, Mode::Same, Mode::Changed1pct, Mode::Changed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Mode::Fresh => "fresh",
            Mode::Same => "same",
            Mode::Changed1pct => "changed_1pct",
            Mode::Changed => "changed",
        }
    }

    const fn sequence(self) -> u64 {
        1 + self as u64
    }

    /// From round to round of one asset: at first A; A; B of one in a hundred; B of the others and A
    /// of these, so that all differ.
    fn outcome(self, asset: i64, size: usize, is_full: bool) -> Outcome {
        let evidence = match self {
            Mode::Fresh | Mode::Same => Evidence::AtFirst,
            Mode::Changed1pct => Evidence::OtherIn(ONE_PERCENT),
            Mode::Changed => Evidence::OtherButIn(ONE_PERCENT),
        };
        outcome(asset, self.sequence(), size, evidence, is_full)
    }
}

/// Of one flush: the median of the rounds, each the mean of its flushes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) bench: &'static str,
    pub(crate) size: usize,
    pub(crate) mode: Mode,
    pub(crate) way: Way,
    pub(crate) seconds: f64,
    pub(crate) rows_per_second: f64,
    pub(crate) db_cpu_s: f64,
    pub(crate) wal_bytes: f64,
    client_cpu_s: f64,
    flushes: usize,
    rounds: usize,
}

impl Sweep {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        // It would come at some moment of one measurement: each is preceded by a vacuum.
        server.execute("alter system set autovacuum = off").await?;
        server.execute("select pg_reload_conf()").await?;
        let mut targets = Vec::new();
        for way in &self.ways {
            let target = Target::make(&server, &clock, *way).await?;
            if *way == Way::Ours {
                tell(&format!("ours copies from {} findings on", target.copy_findings_min));
            }
            targets.push(target);
        }
        let mut figures = Vec::new();
        for size in &self.sizes {
            let found = self.measure(&server, &clock, &targets, *size).await?;
            for found in &found {
                print(self.json, found)?;
            }
            figures.extend(found);
        }
        bars::of_sweep(&figures).iter().for_each(|bar| tell(&bar.to_string()));
        Ok(())
    }

    /// All modes and ways at one size.
    async fn measure(
        &self,
        server: &Server,
        clock: &Clock,
        targets: &[Target],
        size: usize,
    ) -> anyhow::Result<Vec<Figures>> {
        let flushes = (FINDINGS / size).clamp(1, FLUSHES_MAX);
        let targets: Vec<&Target> = targets
            .iter()
            .filter(|target| target.way != Way::Rows || size <= self.rows_max)
            .filter(|target| target.way.takes(size))
            .collect();
        let modes = || Mode::ALL.into_iter().filter(|mode| Some(mode) <= self.modes.iter().max());
        let mut rounds: Vec<(Mode, Way, Used)> = Vec::new();
        for round in 0..self.rounds {
            for target in &targets {
                target.clear(flushes).await?;
                let warm_up = Mode::Fresh.outcome(WARM_UP_ASSET, 10, true);
                target.write(&Given::Held(warm_up)).await?;
            }
            for mode in modes() {
                for target in targets.iter().filter(|t| t.way != Way::Raw || mode == Mode::Fresh) {
                    let assets = 1..=i64::try_from(flushes)?;
                    let outcome = |asset| mode.outcome(asset, size, target.way.has_digest());
                    let outcomes = assets.map(|asset| target.given(outcome(asset)));
                    let outcomes = outcomes.collect::<anyhow::Result<Vec<Given>>>()?;
                    target.settle().await?;
                    let meter = Meter::start(server, clock).await?;
                    for outcome in &outcomes {
                        target.write(outcome).await?;
                    }
                    let used = meter.read().await?;
                    verify(target, mode, flushes, size).await?;
                    let (way, ms) = (target.way.name(), used.seconds / flushes as f64 * 1e3);
                    tell(&format!("{size} {} {way}, round {}: {ms:.2} ms", mode.name(), round + 1));
                    rounds.push((mode, target.way, used));
                }
            }
        }
        let kinds = modes().flat_map(|mode| targets.iter().map(move |t| (mode, t.way)));
        let figures = kinds.filter_map(|(mode, way)| {
            let all = rounds.iter().filter(|round| (round.0, round.1) == (mode, way));
            let all: Vec<Used> = all.map(|round| round.2).collect();
            let of =
                |value: fn(&Used) -> f64| Some(median(all.iter().map(value))? / flushes as f64);
            let seconds = of(|used| used.seconds)?;
            Some(Figures {
                bench: "sink.sweep",
                size,
                mode,
                way,
                seconds,
                rows_per_second: size as f64 / seconds,
                db_cpu_s: of(|used| used.db_cpu_s)?,
                wal_bytes: of(|used| used.wal_bytes as f64)?,
                client_cpu_s: of(|used| used.client_cpu_s)?,
                flushes,
                rounds: all.len(),
            })
        });
        Ok(figures.filter(|figures| self.modes.contains(&figures.mode)).collect())
    }
}

/// Holds what is stored against what was written.
async fn verify(target: &Target, mode: Mode, flushes: usize, size: usize) -> anyhow::Result<()> {
    let stored = format!(
        "
        with i as (select * from insights where 0 < asset_id and asset_id < {OTHERS_FROM}),
             e as (select * from insight_events where 0 < asset_id and asset_id < {OTHERS_FROM})
        select (select count(*) from i where resolved_at is null),
               (select count(*) from i where resolved_at is not null),
               (select count(*) from e where change = 1), (select count(*) from e where change = 2),
               (select count(*) from e where change > 2),
               (select count(*) from scan_state where asset_id <> 0 and sequence = $1)"
    );
    let client = target.database.client().await?;
    let sequence = mode.sequence().cast_signed();
    let row = client.query_one(&stored, &[&sequence]).await?;
    let stored: [i64; 6] = std::array::from_fn(|column| row.get(column));
    let findings = i64::try_from(flushes * size)?;
    // The assets begin with 1.
    let (first, end) = (size as u64, (flushes as u64 + 1) * size as u64);
    let every = i64::try_from(end.div_ceil(ONE_PERCENT) - first.div_ceil(ONE_PERCENT))?;
    let changed = match mode {
        Mode::Fresh | Mode::Same => 0,
        Mode::Changed1pct => every,
        Mode::Changed => every + findings,
    };
    let scanned = if target.way == Way::Raw { 0 } else { i64::try_from(flushes)? };
    let wanted = [findings, 0, findings, changed, 0, scanned];
    anyhow::ensure!(
        stored == wanted,
        "{} wrote something else ({size} {}): open, resolved, opened, changed, others, scanned are \
         {stored:?} and not {wanted:?}",
        target.way.name(),
        mode.name(),
    );
    Ok(())
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) =
        (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { size, mode, way, seconds, rows_per_second, db_cpu_s, wal_bytes, .. } = self;
        write!(f, "{size:>7} {:<12} {:<13} ", mode.name(), way.name())?;
        write!(f, "{:>10.2} ms {rows_per_second:>10.0} rows/s ", seconds * 1e3)?;
        write!(f, "{:>9.2} ms CPU of Postgres {:>9.0} kB of WAL", db_cpu_s * 1e3, wal_bytes / 1e3)
    }
}

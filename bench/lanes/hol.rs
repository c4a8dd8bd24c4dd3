//! Head-of-line blocking: what zones of 500,000 records among small ones do to how soon a small one
//! is durable.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::{Lane, UnixTime};
use scanflow::operators::Feed;
use scanflow::schedule::{Durable, Orders, Rate};
use scanflow::sinks::postgres::COPY_FINDINGS_MIN;
use scanflow_dataflows::Lead;
use serde::Serialize;

use super::arms::Arm;
use super::giants::{self, RECORDS_MAX};
use super::latencies::{Latencies, told};
use super::small::{Small, cadences, stamp};
use super::stages;
use super::watch::{LOOK, begun, watched};
use crate::print::{print, tell};
use crate::server::Server;
use crate::sink::bars::Bar;
use crate::source::Source;

/// With lanes the p99 of small zones is at most this times that without giants, and this more.
const IDLE_TIMES: f64 = 1.2;
const IDLE_MORE_MS: f64 = 2.0;
/// A giant of so many records alone, on two cores, is durable so soon.
const GIANT_RECORDS: u32 = 500_000;
const GIANT_SECONDS_MAX: f64 = 8.0;

/// Before anything counts, and a cadence: all that was due at the start is over.
const WARM_UP: Duration = Duration::from_secs(5);
/// Until then what was due together is parted so often.
const PART: Duration = Duration::from_millis(500);

/// With lanes a giant is due again as soon as it is durable.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Nobody waits for what is not to come.
const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// How soon small zones are durable beside giants, by lanes and without
#[derive(Debug, clap::Args)]
pub(crate) struct Hol {
    #[command(flatten)]
    source: Source,

    /// Giant zones beside them
    #[arg(long, value_name = "N", default_value_t = 2)]
    giants: u32,

    /// Of each giant
    #[arg(long, value_name = "RECORDS", default_value_t = GIANT_RECORDS,
          value_parser = clap::value_parser!(u32).range(1..=RECORDS_MAX))]
    records: u32,

    /// How long each arm counts
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,

    /// How often a giant is scanned alone
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,

    /// This arm alone; may be said again. All by default
    #[arg(long = "arm", value_name = "ARM", value_enum)]
    arms: Vec<Arm>,

    /// Threads that judge: all arms with each of these numbers of them
    #[arg(long, value_name = "N", default_values_t = [1, 2])]
    workers: Vec<usize>,

    /// One object an arm, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// One arm. Latencies are from due to durable, of small zones (`fast`) and of giants; null if none was
/// durable. `giant_out_seconds` is from emitted to durable.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    arm: Arm,
    workers: usize,
    fast_p50_ms: Option<f64>,
    fast_p99_ms: Option<f64>,
    fast_p99_ms_limit: Option<f64>,
    fast_max_ms: Option<f64>,
    giant_seconds: Option<f64>,
    giant_seconds_limit: Option<f64>,
    giant_out_seconds: Option<f64>,
    giant_records: u32,
    giant_scans: u64,
    fast_scans_per_second: f64,
    offered_per_second: f64,
    due_at_end: usize,
}

/// What an arm did.
struct Seen {
    /// Until the end of the window.
    scans: Vec<Durable>,
    /// From when on small zones count.
    from: UnixTime,
    seconds: f64,
    due_at_end: usize,
}

struct Window {
    from: UnixTime,
    until: UnixTime,
    due_at_end: usize,
}

impl Hol {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let report = self.source.import(&server.connections.control).await?;
        let small = Small::measure(&server, &clock, 2).await?;
        tell(&format!(
            "{} zones of {} accounts: {:.0} unchanged scans/s with 2 workers, {:.0} of them offered, \
             each asset every {:.2} s",
            report.zones,
            report.accounts,
            small.capacity_per_second,
            small.offered_per_second(),
            small.cadence().as_secs_f64(),
        ));
        giants::add(&server, self.giants.max(1), self.records).await?;
        let arms = if self.arms.is_empty() { Arm::value_variants() } else { &self.arms };
        let mut all: Vec<Figures> = Vec::new();
        for workers in self.workers.iter().copied() {
            for arm in arms.iter().copied() {
                let seen = match arm {
                    Arm::GiantAlone => self.alone(&server, &clock, workers).await?,
                    _ => self.beside(&server, &clock, workers, arm, &small).await?,
                };
                let giants = giants::ids(&server).await?;
                let (giants, others): (Vec<Durable>, Vec<Durable>) =
                    seen.scans.iter().partition(|scan| giants.contains(&scan.asset));
                let counts = |scan: &Durable| seen.from <= scan.durable_at && small.is_small(scan);
                let fast = others.into_iter().filter(counts).collect();
                let mut figures = self.figures(arm, workers, fast, giants, &seen);
                if arm != Arm::GiantAlone {
                    figures.offered_per_second = small.offered_per_second();
                }
                if arm == Arm::Lanes {
                    figures.fast_p99_ms_limit =
                        idle_p99_ms(&all, workers).map(|p99_ms| IDLE_TIMES * p99_ms + IDLE_MORE_MS);
                }
                print(self.json, &figures)?;
                all.push(figures);
            }
        }
        bars(&all).iter().for_each(|bar| tell(&bar.to_string()));
        Ok(())
    }

    /// One giant, until it is durable; as often as there are rounds.
    async fn alone(&self, server: &Server, clock: &Clock, workers: usize) -> anyhow::Result<Seen> {
        let (scans, from) = (Vec::new(), clock.now());
        let mut seen = Seen { scans, from, seconds: 0.0, due_at_end: 0 };
        for _ in 0..self.rounds.max(1) {
            giants::renew(server, Arm::GiantAlone.giants(self.giants)).await?;
            stamp(server, Duration::ZERO).await?;
            let feed = Feed::default();
            let settings =
                Lead { cadences: cadences(YEAR, HOUR), ..self.settings(Arm::GiantAlone, &feed) };
            let watching = async {
                begun(&feed).await;
                let from = clock.now();
                while giants::left(server).await? != 0 {
                    tokio::time::sleep(LOOK).await;
                }
                Ok(clock.now().since(from).as_secs_f64())
            };
            let (led, seconds) = watched(server, clock, workers, settings, watching).await?;
            seen.scans.extend(led.summary.stats.each.unwrap_or_default());
            seen.seconds += seconds;
        }
        Ok(seen)
    }

    /// Small zones at their cadence, and the giants of the arm beside them.
    async fn beside(
        &self,
        server: &Server,
        clock: &Clock,
        workers: usize,
        arm: Arm,
        small: &Small,
    ) -> anyhow::Result<Seen> {
        giants::renew(server, arm.giants(self.giants)).await?;
        let cadence = small.cadence();
        stamp(server, cadence).await?;
        // In one lane whoever is due first goes first, as the story had it. Giants with a shorter cadence
        // would always be the latest by it, and nothing else would go.
        let of_giants = if arm.has_lanes() { AT_ONCE } else { cadence };
        let feed = Feed::default();
        let settings = Lead { cadences: cadences(cadence, of_giants), ..self.settings(arm, &feed) };
        let telemetry = settings.telemetry.clone();
        let watching = self.window(clock, &feed, WARM_UP + cadence);
        let (led, window) = watched(server, clock, workers, settings, watching).await?;
        let Window { from, until, due_at_end } = window;
        let mut scans = led.summary.stats.each.unwrap_or_default();
        scans.retain(|scan| scan.durable_at <= until);
        if matches!(arm, Arm::Idle | Arm::Lanes) {
            let arm = format!("{arm:?}, {workers} workers");
            let counts = |scan: &&Durable| from <= scan.durable_at && scan.lane == Lane::Fast;
            let emitted = scans.iter().filter(counts);
            let emitted = emitted.map(|scan| scan.emitted_at.since(scan.due_at)).collect();
            let bars = stages::bars(&emitted, &telemetry, clock, &arm);
            bars.iter().for_each(|bar| tell(&bar.to_string()));
        }
        Ok(Seen { scans, from, seconds: until.since(from).as_secs_f64(), due_at_end })
    }

    fn settings(&self, arm: Arm, feed: &Feed) -> Lead {
        Lead {
            config: arm.config(),
            rate: Rate::Max,
            // The same in all arms.
            copy_findings_min: Some(COPY_FINDINGS_MIN),
            keeps_each: true,
            feed: feed.clone(),
            ..Lead::of(&Config::default())
        }
    }

    /// Waits until the arm has settled, and as long as it counts.
    async fn window(
        &self,
        clock: &Clock,
        feed: &Feed,
        warm_up: Duration,
    ) -> anyhow::Result<Window> {
        begun(feed).await;
        let settled_at = clock.now() + warm_up;
        for spreads in 1.. {
            tokio::time::sleep(PART).await;
            if settled_at <= clock.now() {
                break;
            }
            feed.order(Orders { is_paused: false, spreads });
        }
        let from = clock.now();
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        let due_at_end = feed.progress().map_or(0, |progress| progress.backlog.due);
        Ok(Window { from, until: clock.now(), due_at_end })
    }

    fn figures(
        &self,
        arm: Arm,
        workers: usize,
        fast: Vec<Durable>,
        giants: Vec<Durable>,
        seen: &Seen,
    ) -> Figures {
        let from_due = |scan: &Durable| scan.durable_at.since(scan.due_at);
        let out = giants.iter().map(|scan| scan.durable_at.since(scan.emitted_at));
        let out: Latencies = out.collect();
        let giants: Latencies = giants.iter().map(from_due).collect();
        let is_limited = arm == Arm::GiantAlone && workers == 2 && self.records == GIANT_RECORDS;
        // The few assets that fall due beside a giant alone say nothing.
        let fast = if arm == Arm::GiantAlone { Vec::new() } else { fast };
        let fast: Latencies = fast.iter().map(from_due).collect();
        Figures {
            bench: "lanes.hol",
            arm,
            workers,
            fast_p50_ms: fast.quantile_ms(0.5),
            fast_p99_ms: fast.quantile_ms(0.99),
            fast_p99_ms_limit: None,
            fast_max_ms: fast.quantile_ms(1.0),
            giant_seconds: giants.median_s(),
            giant_seconds_limit: is_limited.then_some(GIANT_SECONDS_MAX),
            giant_out_seconds: out.median_s(),
            giant_records: self.records,
            giant_scans: giants.count(),
            fast_scans_per_second: fast.count() as f64 / seen.seconds,
            offered_per_second: 0.0,
            due_at_end: seen.due_at_end,
        }
    }
}

fn of(all: &[Figures], arm: Arm, workers: usize) -> Option<&Figures> {
    all.iter().find(|figures| (figures.arm, figures.workers) == (arm, workers))
}

fn idle_p99_ms(all: &[Figures], workers: usize) -> Option<f64> {
    of(all, Arm::Idle, workers)?.fast_p99_ms
}

/// Those that the arms allow to judge.
fn bars(all: &[Figures]) -> Vec<Bar> {
    let mut bars = Vec::new();
    for figures in all {
        let Figures { workers, fast_p99_ms, giant_seconds, .. } = figures;
        if let Some((p99_ms, limit)) = fast_p99_ms.zip(figures.fast_p99_ms_limit) {
            let what = format!("{workers} workers: p99 of small zones beside giants, ms");
            bars.push(Bar::at_most(what, p99_ms, limit));
        }
        if let Some((seconds, limit)) = giant_seconds.zip(figures.giant_seconds_limit) {
            let what = format!("{workers} workers: a giant alone, s");
            bars.push(Bar::at_most(what, seconds, limit));
        }
    }
    let alone = |workers| of(all, Arm::GiantAlone, workers)?.giant_seconds;
    if let Some((one, two)) = alone(1).zip(alone(2)) {
        bars.push(Bar::at_most(
            "a giant alone, time with 2 workers by that with 1",
            two / one,
            1.0,
        ));
    }
    bars
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{:?}", self.arm);
        write!(
            f,
            "{name:<12} {} workers: small p50 {} ms, ",
            self.workers,
            told(self.fast_p50_ms, 1)
        )?;
        write!(f, "p99 {} ms", told(self.fast_p99_ms, 1))?;
        if let Some(limit) = self.fast_p99_ms_limit {
            write!(f, " (limit {limit:.1})")?;
        }
        write!(f, ", max {} ms, ", told(self.fast_max_ms, 0))?;
        write!(f, "{:.0}/s of {:.0}; ", self.fast_scans_per_second, self.offered_per_second)?;
        write!(f, "{} giants, {} s", self.giant_scans, told(self.giant_seconds, 2))?;
        if let Some(limit) = self.giant_seconds_limit {
            write!(f, " (limit {limit:.0})")?;
        }
        write!(f, ", {} s of it out; ", told(self.giant_out_seconds, 2))?;
        write!(f, "{} due at the end", self.due_at_end)
    }
}

//! A real fleet with a few heavy zones: what the lanes cost and bring there, and how well they are chosen.

use std::fmt;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::{Config, JobConfig};
use scanflow::lanes::Lanes;
use scanflow::model::Lane;
use scanflow_dataflows::Lead;
use serde::Serialize;

use super::arms::one_lane;
use super::latencies::{Latencies, median, told};
use super::ranks;
use super::small::per_second;
use crate::pass::Pass;
use crate::print::{print, tell};
use crate::server::Server;
use crate::source::Source;

/// What the lanes bring to a fleet, and how well they are chosen
#[derive(Debug, clap::Args)]
pub(crate) struct Mix {
    #[command(flatten)]
    source: Source,

    /// Passes of each arm, in turns; medians are told
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    workers: usize,

    /// One object an arm, in place of a line for people
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Arm {
    Lanes,
    NoLanes,
}

/// Passes over the whole fleet at full speed, in which nothing has changed. Latencies are from emitted to
/// durable. `misroutes` are scans whose measured cost asks for the other lane, by the same limit, and
/// `regret` is their share of the measured work.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    arm: Arm,
    zones: u64,
    scans: usize,
    rounds: u32,
    scans_per_second: f64,
    fast_p99_ms: Option<f64>,
    slow_p99_ms: Option<f64>,
    slow_scans: usize,
    misroutes: usize,
    regret: f64,
    rank_correlation: Option<f64>,
}

/// One pass.
struct Round {
    scans: usize,
    scans_per_second: f64,
    p99_ms: [Option<f64>; 2],
    slow_scans: usize,
    misroutes: usize,
    regret: f64,
    rank_correlation: Option<f64>,
}

impl Mix {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let report = self.source.import(&server.connections.control).await?;
        tell(&format!(
            "imported {} accounts, {} zones, {} records",
            report.accounts, report.zones, report.records
        ));
        Pass::run(&server, &clock, self.workers).await?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds.max(1) {
            with.push(self.round(&server, &clock, Arm::Lanes).await?);
            without.push(self.round(&server, &clock, Arm::NoLanes).await?);
        }
        for (arm, rounds) in [(Arm::Lanes, with), (Arm::NoLanes, without)] {
            print(self.json, &figures(arm, report.zones, &rounds))?;
        }
        Ok(())
    }

    async fn round(&self, server: &Server, clock: &Clock, arm: Arm) -> anyhow::Result<Round> {
        let config = match arm {
            Arm::Lanes => JobConfig::default(),
            Arm::NoLanes => one_lane(JobConfig::default()),
        };
        let settings = Lead { config, keeps_each: true, ..Lead::of(&Config::default()) };
        let pass = Pass::over(server, &server.connections, clock, self.workers, settings).await?;
        let scans = pass.stats.each.unwrap_or_default();
        let border_us = Lanes::default().border().us();
        let (mut work_us, mut misrouted_us, mut misroutes) = (0.0, 0.0, 0);
        let mut pairs = Vec::with_capacity(scans.len());
        for scan in &scans {
            let Some(measured) = scan.measured else { continue };
            let us = |length: Duration| length.as_secs_f64() * 1e6;
            let measured_us = us(measured);
            pairs.push((us(scan.predicted), measured_us));
            work_us += measured_us;
            if (border_us < measured_us) != (scan.lane == Lane::Slow) {
                misroutes += 1;
                misrouted_us += measured_us;
            }
        }
        let p99_ms = Lane::ALL.map(|lane| {
            let of_lane = scans.iter().filter(|scan| scan.lane == lane);
            let out: Latencies =
                of_lane.map(|scan| scan.durable_at.since(scan.emitted_at)).collect();
            out.quantile_ms(0.99)
        });
        Ok(Round {
            scans: scans.len(),
            scans_per_second: per_second(&scans),
            p99_ms,
            slow_scans: scans.iter().filter(|scan| scan.lane == Lane::Slow).count(),
            misroutes,
            regret: misrouted_us / work_us,
            rank_correlation: ranks::correlation(&pairs),
        })
    }
}

fn figures(arm: Arm, zones: u64, rounds: &[Round]) -> Figures {
    let of = |value: fn(&Round) -> Option<f64>| {
        let values: Vec<f64> = rounds.iter().filter_map(value).collect();
        (!values.is_empty()).then(|| median(values))
    };
    let count = |value: fn(&Round) -> usize| {
        let mut counts: Vec<usize> = rounds.iter().map(value).collect();
        counts.sort_unstable();
        counts.get(counts.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        bench: "lanes.mix",
        arm,
        zones,
        scans: count(|round| round.scans),
        rounds: rounds.len() as u32,
        scans_per_second: of(|round| Some(round.scans_per_second)).unwrap_or_default(),
        fast_p99_ms: of(|round| round.p99_ms[0]),
        slow_p99_ms: of(|round| round.p99_ms[1]),
        slow_scans: count(|round| round.slow_scans),
        misroutes: count(|round| round.misroutes),
        regret: of(|round| Some(round.regret)).unwrap_or_default(),
        rank_correlation: of(|round| round.rank_correlation),
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{:?}", self.arm);
        write!(f, "{name:<8} {} scans, {:.0}/s; ", self.scans, self.scans_per_second)?;
        write!(f, "p99 fast {} ms, ", told(self.fast_p99_ms, 1))?;
        write!(f, "slow {} ms; ", told(self.slow_p99_ms, 1))?;
        write!(f, "{} slow scans; {} misroutes with ", self.slow_scans, self.misroutes)?;
        write!(f, "{:.2} % of the work; ", 100.0 * self.regret)?;
        write!(f, "rank correlation of predicted and measured {}", told(self.rank_correlation, 3))
    }
}

//! From a real fleet to insights in Postgres, as `scanflow import` and `scanflow run --once` do it:
//! a first pass that finds everything new, then one that finds the same; beside the design that the
//! story began with.

use std::fmt;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::sources::inventory::Report;
use scanflow_dataflows::{Connections, Lead};
use serde::Serialize;

use crate::meter::Meter;
use crate::old_design::OldDesign;
use crate::pass::Pass;
use crate::print::{print, tell};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::source::Source;
use crate::workers::Workers;

/// Scans a second and what they cost, from a fleet to insights in a Postgres of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Pipeline {
    #[command(flatten)]
    source: Source,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,

    /// Processes with so many threads each, which form a cluster
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "distance_ms",
          value_parser = clap::value_parser!(u8).range(1..=8))]
    processes: u8,

    /// Also the design that the story began with, on a part of the fleet: one event at a time, a
    /// statement a finding
    #[arg(long)]
    old_design: bool,

    /// An answer of the database comes so much later
    #[arg(long, value_name = "MS", default_value_t = 0)]
    distance_ms: u64,

    /// Passes that find the same go on for so long
    #[arg(long, value_name = "S", default_value_t = 0)]
    same_seconds: u64,

    /// One object a pass, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// How long a pass of the old design may take: it shall show how fast it is, and not get to the end.
const OLD_MAX: Duration = Duration::from_secs(20);
/// Of the fleet, for the old design.
const OLD_ASSETS_MAX: usize = 20_000;
/// The old design is so many times slower, at least: beside the database, and far away from it.
const FACTOR_MIN: [f64; 2] = [10.0, 100.0];

/// One pass over the whole fleet. Latencies are from emitted to durable; `rss_mb` is the most that
/// the client held during the pass. `factor`: how many times as fast as the old design.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    pass: &'static str,
    zones: u64,
    accounts: u64,
    workers: usize,
    processes: u8,
    distance_ms: u64,
    scans: u64,
    seconds: f64,
    scans_per_second: f64,
    findings: i64,
    p50_ms: f64,
    p99_ms: f64,
    rss_mb: f64,
    client_cpu_s: f64,
    db_cpu_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor_min: Option<f64>,
}

/// A pass of the old design over a part of the fleet.
#[derive(Debug, Serialize)]
struct OldFigures {
    bench: &'static str,
    pass: &'static str,
    distance_ms: u64,
    scans: u64,
    seconds: f64,
    scans_per_second: f64,
}

impl Pipeline {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let meter = Meter::start(&server, &clock).await?;
        let report = self.source.import(&server.connections.control).await?;
        let seconds = meter.read().await?.seconds;
        tell(&format!(
            "imported {} accounts, {} zones, {} records in {seconds:.2} s: {:.0} records/s parsed \
             and stored",
            report.accounts,
            report.zones,
            report.records,
            report.records as f64 / seconds,
        ));
        let round_trip = Duration::from_millis(self.distance_ms);
        let proxy = Proxy::start(&clock, server.socket()?, round_trip).await?;
        let connections = match self.distance_ms {
            0 => server.connections.clone(),
            _ => Server::behind(&proxy)?,
        };
        let old = match self.old_design {
            true => Some(self.old_design(&server, &connections, &clock).await?),
            false => None,
        };
        let workers = Workers { threads: self.workers, processes: self.processes.into() };
        let (mut started, mut pass) = (clock.now(), "fresh");
        loop {
            let settings = Lead::of(&Config::default());
            let ran = Pass::over(&server, &connections, &clock, workers, settings).await?;
            let old = old.map(|old| old[usize::from(pass == "same")]);
            let findings = server.open_insights().await?;
            print(self.json, &self.figures(pass, &report, &ran, findings, old))?;
            match pass {
                "fresh" => (started, pass) = (clock.now(), "same"),
                _ if clock.now().since(started).as_secs() < self.same_seconds => {}
                _ => return Ok(()),
            }
        }
    }

    /// Scans a second of a pass that finds everything new, and of one that finds the same. Afterwards
    /// nothing is left of it.
    async fn old_design(
        &self,
        server: &Server,
        connections: &Connections,
        clock: &Clock,
    ) -> anyhow::Result<[f64; 2]> {
        let old = OldDesign::of(&connections.lane.fast, clock, OLD_ASSETS_MAX).await?;
        let mut per_second = [0.0; 2];
        for (per_second, pass) in per_second.iter_mut().zip(["old_fresh", "old_same"]) {
            let (scans, seconds) = old.pass(OLD_MAX).await?;
            *per_second = scans as f64 / seconds;
            let (bench, distance_ms) = ("pipeline", self.distance_ms);
            let scans_per_second = *per_second;
            let figures = OldFigures { bench, pass, distance_ms, scans, seconds, scans_per_second };
            print(self.json, &figures)?;
        }
        server
            .execute(
                "truncate insights; update scan_state set last_scheduled_at = null,
                    last_completed_at = null, config_version = 0, sequence = 0, digest = null",
            )
            .await?;
        server.execute("vacuum full scan_state").await?;
        Ok(per_second)
    }

    fn figures(
        &self,
        name: &'static str,
        report: &Report,
        pass: &Pass,
        findings: i64,
        old_per_second: Option<f64>,
    ) -> Figures {
        let latency_ms = |share| pass.stats.latency_us.value_at_quantile(share) as f64 / 1e3;
        let factor = old_per_second.map(|old| pass.scans() as f64 / pass.used.seconds / old);
        let factor_min = FACTOR_MIN[usize::from(0 < self.distance_ms)];
        Figures {
            bench: "pipeline",
            pass: name,
            zones: report.zones,
            accounts: report.accounts,
            workers: self.workers,
            processes: self.processes,
            distance_ms: self.distance_ms,
            scans: pass.scans(),
            seconds: pass.used.seconds,
            scans_per_second: pass.scans() as f64 / pass.used.seconds,
            findings,
            p50_ms: latency_ms(0.5),
            p99_ms: latency_ms(0.99),
            rss_mb: pass.used.rss_peak_mb,
            client_cpu_s: pass.used.client_cpu_s,
            db_cpu_s: pass.used.db_cpu_s,
            factor,
            factor_min: factor.map(|_| factor_min),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {} scans in {:.2} s: ", self.pass, self.scans, self.seconds)?;
        write!(f, "{:.0}/s; {} findings; ", self.scans_per_second, self.findings)?;
        write!(f, "p50 {:.0} ms, p99 {:.0} ms; {:.0} MB; ", self.p50_ms, self.p99_ms, self.rss_mb)?;
        write!(f, "CPU {:.1} s here, {:.1} s in Postgres", self.client_cpu_s, self.db_cpu_s)?;
        if let (Some(factor), Some(min)) = (self.factor, self.factor_min) {
            write!(f, "; {factor:.0} times the old design (at least {min:.0})")?;
        }
        Ok(())
    }
}

impl fmt::Display for OldFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OldFigures { pass, scans, seconds, scans_per_second, .. } = self;
        write!(f, "{pass} {scans} scans in {seconds:.2} s: {scans_per_second:.1}/s")
    }
}

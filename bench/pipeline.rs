//! From a real fleet to insights in Postgres, as `scanflow import` and `scanflow run --once` do it:
//! a first pass that finds everything new, then one that finds the same.

use std::fmt;

use scanflow::clock::Clock;
use scanflow::sources::inventory::Report;
use serde::Serialize;

use crate::meter::Meter;
use crate::pass::Pass;
use crate::print::{print, tell};
use crate::server::Server;
use crate::source::Source;

/// Scans a second and what they cost, from a fleet to insights in a Postgres of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Pipeline {
    #[command(flatten)]
    source: Source,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,

    /// One object a pass, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// One pass over the whole fleet. Latencies are from emitted to durable; `rss_mb` is the most that
/// the client held during the pass.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    pass: &'static str,
    zones: u64,
    accounts: u64,
    scans: u64,
    seconds: f64,
    scans_per_second: f64,
    findings: i64,
    p50_ms: f64,
    p99_ms: f64,
    rss_mb: f64,
    client_cpu_s: f64,
    db_cpu_s: f64,
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
        for name in ["fresh", "same"] {
            let pass = Pass::run(&server, &clock, self.workers).await?;
            print(self.json, &figures(name, &report, &pass, server.open_insights().await?))?;
        }
        Ok(())
    }
}

fn figures(name: &'static str, report: &Report, pass: &Pass, findings: i64) -> Figures {
    let latency_ms = |share| pass.stats.latency_us.value_at_quantile(share) as f64 / 1e3;
    Figures {
        bench: "pipeline",
        pass: name,
        zones: report.zones,
        accounts: report.accounts,
        scans: pass.scans(),
        seconds: pass.used.seconds,
        scans_per_second: pass.scans() as f64 / pass.used.seconds,
        findings,
        p50_ms: latency_ms(0.5),
        p99_ms: latency_ms(0.99),
        rss_mb: pass.used.rss_peak_mb,
        client_cpu_s: pass.used.client_cpu_s,
        db_cpu_s: pass.used.db_cpu_s,
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {} scans in {:.2} s: ", self.pass, self.scans, self.seconds)?;
        write!(f, "{:.0}/s; {} findings; ", self.scans_per_second, self.findings)?;
        write!(f, "p50 {:.0} ms, p99 {:.0} ms; {:.0} MB; ", self.p50_ms, self.p99_ms, self.rss_mb)?;
        write!(f, "CPU {:.1} s here, {:.1} s in Postgres", self.client_cpu_s, self.db_cpu_s)
    }
}

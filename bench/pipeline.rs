//! From a real fleet to insights in Postgres, as `scanflow import` and `scanflow run --once` do it:
//! a first pass that finds everything new, then one that finds the same.

use std::io::Write;
use std::process::ExitCode;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::schedule::{Ending, Rate};
use scanflow::sources::inventory::Report;
use scanflow_dataflows::{Lead, lead};
use serde::Serialize;

use crate::server::Server;
use crate::source::{Source, tell};
use crate::usage;

/// Scans a second and what they cost, from a fleet on disk to insights in a Postgres of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Pipeline {
    #[command(flatten)]
    source: Source,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    workers: usize,

    /// One object a pass, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// One pass over the whole fleet. Latencies are from emitted to durable; `rss_mb` is the most that
/// the client held during the pass.
#[derive(Debug, Serialize)]
struct Pass {
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
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(self.workers.div_ceil(2)).enable_all().build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(&self) -> anyhow::Result<ExitCode> {
        let clock = Clock::system();
        let server = Server::start(&clock, false).await?;

        let started = clock.now();
        let report = self.source.import(&server.connections.control).await?;
        let seconds = clock.now().since(started).as_secs_f64();
        tell(&format!(
            "imported {} accounts, {} zones, {} records in {seconds:.2} s: {:.0} records/s parsed \
             and stored",
            report.accounts,
            report.zones,
            report.records,
            report.records as f64 / seconds,
        ));
        for pass in ["fresh", "same"] {
            self.print(&self.pass(pass, &report, &server, &clock).await?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn pass(
        &self,
        pass: &'static str,
        report: &Report,
        server: &Server,
        clock: &Clock,
    ) -> anyhow::Result<Pass> {
        let config = Config::default();
        let settings = Lead { rate: Rate::Max, ending: Ending::Once, ..Lead::of(&config) };
        usage::forget_rss_max();
        let (own, server_before) = (usage::own_cpu_s(), usage::tree_cpu_s(server.pid));
        let started = clock.now();
        let workers = timely::Config::process(self.workers);
        let led = lead(&server.connections, workers, clock, settings).await?;
        let seconds = clock.now().since(started).as_secs_f64();
        let (client_cpu_s, db_cpu_s) =
            (usage::own_cpu_s() - own, usage::tree_cpu_s(server.pid) - server_before);

        let open = "select count(*) from insights where resolved_at is null";
        let findings = server.number(open).await?;
        let stats = &led.summary.stats;
        let latency_ms = |share| stats.latency_us.value_at_quantile(share) as f64 / 1e3;
        Ok(Pass {
            bench: "pipeline",
            pass,
            zones: report.zones,
            accounts: report.accounts,
            scans: stats.returned.fast + stats.returned.slow,
            seconds,
            scans_per_second: stats.emitted as f64 / seconds,
            findings,
            p50_ms: latency_ms(0.5),
            p99_ms: latency_ms(0.99),
            rss_mb: usage::own_rss_max_bytes() as f64 / 1e6,
            client_cpu_s,
            db_cpu_s,
        })
    }

    fn print(&self, pass: &Pass) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(pass)?)?;
            return Ok(());
        }
        writeln!(
            out,
            "{:<5} {} scans in {:.2} s: {:.0}/s; {} findings; p50 {:.0} ms, p99 {:.0} ms; {:.0} MB; \
             CPU {:.1} s here, {:.1} s in Postgres",
            pass.pass,
            pass.scans,
            pass.seconds,
            pass.scans_per_second,
            pass.findings,
            pass.p50_ms,
            pass.p99_ms,
            pass.rss_mb,
            pass.client_cpu_s,
            pass.db_cpu_s,
        )?;
        Ok(())
    }
}

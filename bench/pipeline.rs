//! From a real fleet to insights in Postgres, as `scanflow import` and `scanflow run --once` do it:
//! a first pass that finds everything new, then one that finds the same.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::PerLane;
use scanflow::schedule::{Ending, Rate};
use scanflow::sources::inventory::{self, Event, Options};
use scanflow::store::postgres::Database;
use scanflow::store::postgres::cluster::Cluster;
use scanflow_dataflows::{Connections, Lead, lead};
use serde::Serialize;

use crate::usage;

/// Scans a second and what they cost, from a fleet on disk to insights in a Postgres of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Pipeline {
    /// A folder of one source, or of such folders
    #[arg(long, value_name = "DIR")]
    fleet: PathBuf,

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
        let folder = tempfile::Builder::new().prefix("scanflow-bench").tempdir()?;
        // The server may run as another user, who has to get there.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode)?;
        let cluster = Cluster::start(folder.path(), &clock).await?;
        let server = cluster.server_pid().context("the server has no process")?;
        let open = |connections_max| Database::open(cluster.url(), connections_max);
        let lane = PerLane { fast: open(4)?, slow: open(2)? };
        let connections = Connections { lane, control: open(2)? };

        let options = Options { paths: vec![self.fleet.clone()], ..Options::default() };
        let started = clock.now();
        let mut on_event = |event| {
            if let Event::Problem(problem) = event {
                tell(&problem.to_string());
            }
        };
        let report = inventory::import(&connections.control, &options, &mut on_event).await?;
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
            self.print(&self.pass(pass, &report, &connections, server, &clock).await?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn pass(
        &self,
        pass: &'static str,
        report: &inventory::Report,
        connections: &Connections,
        server: u32,
        clock: &Clock,
    ) -> anyhow::Result<Pass> {
        let config = Config::default();
        let settings = Lead { rate: Rate::Max, ending: Ending::Once, ..Lead::of(&config) };
        usage::forget_rss_max();
        let (own, server_before) = (usage::own_cpu_s(), usage::tree_cpu_s(server));
        let started = clock.now();
        let workers = timely::Config::process(self.workers);
        let led = lead(connections, workers, clock, settings).await?;
        let seconds = clock.now().since(started).as_secs_f64();
        let (client_cpu_s, db_cpu_s) =
            (usage::own_cpu_s() - own, usage::tree_cpu_s(server) - server_before);

        let client = connections.control.client().await?;
        let open = "select count(*) from insights where resolved_at is null";
        let findings = client.query_one(open, &[]).await?.get(0);
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
            rss_mb: usage::own_rss_max_mb(),
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

fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody reads, nobody misses it
}

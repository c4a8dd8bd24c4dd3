//! What a fleet costs: import, a first pass that finds everything new, and a second one that finds
//! the same. Time, CPU, write-ahead log, memory, and what the tables hold afterwards.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::schedule::{Ending, Rate};
use scanflow_dataflows::{Lead, lead};
use serde::Serialize;

use crate::server::{Server, TableSize};
use crate::source::Source;
use crate::usage;

/// What a fleet of a size costs: import, a first pass, and a second one in which nothing changed
#[derive(Debug, clap::Args)]
pub(crate) struct Fleet {
    #[command(flatten)]
    source: Source,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    workers: usize,

    /// Postgres without fsync: quicker, and no figure to keep
    #[arg(long)]
    fast: bool,

    /// One object a phase, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// What a phase did and used. `rss_max_bytes` is the most that this process held during it.
#[derive(Debug, Serialize)]
struct Phase {
    bench: &'static str,
    phase: &'static str,
    zones: u64,
    accounts: u64,
    records: u64,
    /// Of an import, records; of a pass, scans.
    done: u64,
    unit: &'static str,
    seconds: f64,
    done_per_second: f64,
    client_cpu_seconds: f64,
    postgres_cpu_seconds: f64,
    wal_bytes: i64,
    rss_max_bytes: u64,
    open_insights: i64,
    database_bytes: i64,
    tables: BTreeMap<String, TableSize>,
}

impl Fleet {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(self.workers.div_ceil(2)).enable_all().build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(&self) -> anyhow::Result<ExitCode> {
        let clock = Clock::system();
        let server = Server::start(&clock, self.fast).await?;

        let before = Before::now(&server, &clock).await?;
        let report = self.source.import(&server.connections.control).await?;
        let size = Size { zones: report.zones, accounts: report.accounts, records: report.records };
        self.print(&before.phase("import", size, size.records, "records", &server, &clock).await?)?;

        for phase in ["first", "second"] {
            let before = Before::now(&server, &clock).await?;
            let settings =
                Lead { ending: Ending::Once, rate: Rate::Max, ..Lead::of(&Config::default()) };
            let workers = timely::Config::process(self.workers);
            let led = lead(&server.connections, workers, &clock, settings).await?;
            let returned = led.summary.stats.returned;
            let scans = returned.fast + returned.slow;
            self.print(&before.phase(phase, size, scans, "scans", &server, &clock).await?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, phase: &Phase) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(phase)?)?;
            return Ok(());
        }
        let megabytes = |bytes: i64| bytes as f64 / 1e6;
        writeln!(
            out,
            "{:<6} {} {} in {:.1} s: {:.0}/s; CPU {:.1} s here, {:.1} s in Postgres; WAL {:.0} MB; \
             at most {:.0} MB here; {} insights open; database {:.0} MB",
            phase.phase,
            phase.done,
            phase.unit,
            phase.seconds,
            phase.done_per_second,
            phase.client_cpu_seconds,
            phase.postgres_cpu_seconds,
            megabytes(phase.wal_bytes),
            phase.rss_max_bytes as f64 / 1e6,
            phase.open_insights,
            megabytes(phase.database_bytes),
        )?;
        for (name, size) in &phase.tables {
            let (table, index) = (megabytes(size.table_bytes), megabytes(size.index_bytes));
            writeln!(out, "       {name:<16} {table:>10.1} MB, indexes {index:>8.1} MB")?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct Size {
    zones: u64,
    accounts: u64,
    records: u64,
}

/// What the counters showed when a phase began.
struct Before {
    at: scanflow::model::UnixTime,
    client_cpu_seconds: f64,
    postgres_cpu_seconds: f64,
    wal_position: String,
}

impl Before {
    async fn now(server: &Server, clock: &Clock) -> anyhow::Result<Before> {
        let wal_position = server.wal_position().await?;
        usage::forget_rss_max();
        Ok(Before {
            at: clock.now(),
            client_cpu_seconds: usage::own_cpu_s(),
            postgres_cpu_seconds: usage::tree_cpu_s(server.pid),
            wal_position,
        })
    }

    /// The phase that began here and ends now.
    async fn phase(
        self,
        phase: &'static str,
        size: Size,
        done: u64,
        unit: &'static str,
        server: &Server,
        clock: &Clock,
    ) -> anyhow::Result<Phase> {
        let seconds = clock.now().since(self.at).as_secs_f64();
        Ok(Phase {
            bench: "fleet",
            phase,
            zones: size.zones,
            accounts: size.accounts,
            records: size.records,
            done,
            unit,
            seconds,
            done_per_second: done as f64 / seconds,
            client_cpu_seconds: usage::own_cpu_s() - self.client_cpu_seconds,
            postgres_cpu_seconds: usage::tree_cpu_s(server.pid) - self.postgres_cpu_seconds,
            wal_bytes: server.wal_bytes_since(&self.wal_position).await?,
            rss_max_bytes: usage::own_rss_max_bytes(),
            open_insights: server
                .number("select count(*) from insights where resolved_at is null")
                .await?,
            database_bytes: server.number("select pg_database_size(current_database())").await?,
            tables: server.tables().await?,
        })
    }
}

//! What a fleet costs: import, a first pass that finds everything new, and a second one that finds
//! the same. Time, CPU, memory, write-ahead log, and what the tables hold afterwards.

use std::collections::BTreeMap;
use std::fmt;

use scanflow::clock::Clock;
use scanflow::sources::inventory::Report;
use serde::Serialize;

use crate::meter::{Meter, Used};
use crate::pass::Pass;
use crate::print::print;
use crate::server::{Server, TableSize};
use crate::source::Source;

/// What a fleet costs: import, a first pass, and a second one in which nothing has changed
#[derive(Debug, clap::Args)]
pub(crate) struct Fleet {
    #[command(flatten)]
    source: Source,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,

    /// One object a phase, in place of lines for people
    #[arg(long)]
    json: bool,
}

/// What a phase did and used, and what the database holds after it. An import scans nothing, and
/// before the first pass `due_per_day` is not known: those are 0.
#[derive(Debug, Serialize)]
struct Phase {
    bench: &'static str,
    phase: &'static str,
    zones: u64,
    accounts: u64,
    records: u64,
    records_per_second: f64,
    scans: u64,
    scans_per_second: f64,
    due_per_day: f64,
    #[serde(flatten)]
    used: Used,
    findings: i64,
    database_bytes: i64,
    tables: BTreeMap<String, TableSize>,
}

impl Fleet {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let meter = Meter::start(&server, &clock).await?;
        let report = self.source.import(&server.connections.control).await?;
        let used = meter.read().await?;
        print(self.json, &phase("import", &report, used, None, &server).await?)?;
        for name in ["first", "second"] {
            let pass = Pass::run(&server, &clock, self.workers).await?;
            print(self.json, &phase(name, &report, pass.used, Some(&pass), &server).await?)?;
        }
        Ok(())
    }
}

async fn phase(
    phase: &'static str,
    report: &Report,
    used: Used,
    pass: Option<&Pass>,
    server: &Server,
) -> anyhow::Result<Phase> {
    let scans = pass.map_or(0, Pass::scans);
    Ok(Phase {
        bench: "fleet",
        phase,
        zones: report.zones,
        accounts: report.accounts,
        records: report.records,
        records_per_second: report.records as f64 / used.seconds,
        scans,
        scans_per_second: scans as f64 / used.seconds,
        due_per_day: pass.map_or(0.0, Pass::due_per_day),
        used,
        findings: server.open_insights().await?,
        database_bytes: server.number("select pg_database_size(current_database())").await?,
        tables: server.tables().await?,
    })
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = |bytes: i64| bytes as f64 / 1e6;
        write!(f, "{:<6} {} zones, {} accounts, ", self.phase, self.zones, self.accounts)?;
        write!(f, "{} records in {:.1} s: ", self.records, self.used.seconds)?;
        write!(
            f,
            "{:.0} records/s, {:.0} scans/s; ",
            self.records_per_second, self.scans_per_second
        )?;
        write!(f, "CPU {:.1} s here, ", self.used.client_cpu_s)?;
        write!(f, "{:.1} s in Postgres; ", self.used.db_cpu_s)?;
        write!(f, "at most {:.0} MB here; ", self.used.rss_peak_mb)?;
        write!(f, "WAL {:.0} MB; ", megabytes(self.used.wal_bytes))?;
        write!(f, "{} findings; database {:.0} MB", self.findings, megabytes(self.database_bytes))?;
        self.tables.iter().try_for_each(|(name, size)| {
            let (table, indexes) = (megabytes(size.table_bytes), megabytes(size.index_bytes));
            write!(f, "\n       {name:<18} {table:>10.1} MB, indexes {indexes:>8.1} MB")
        })
    }
}

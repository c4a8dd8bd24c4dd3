//! What a job costs that has nothing to do: a covered fleet of which nothing is due.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::schedule::{Ending, Rate};
use scanflow::stop::Stop;
use scanflow_dataflows::{Lead, lead};
use serde::Serialize;

use crate::server::Server;
use crate::source::Source;
use crate::usage;

/// Reading the fleet, and what Postgres does late about the pass before, are over by then.
const SETTLED_AFTER: Duration = Duration::from_secs(20);

/// What was written, by who wrote it and where to. A record that names no table belongs to the
/// whole server.
const WRITTEN: &str = "
    select resource_manager, record_type,
           coalesce((select c.relname from pg_class c where pg_relation_filenode(c.oid) =
               substring(block_ref from 'rel \\d+/\\d+/(\\d+)')::oid), '') as relation,
           count(*), sum(record_length)::bigint
      from pg_get_wal_records_info($1::text::pg_lsn, $2::text::pg_lsn)
     group by 1, 2, 3 order by 4 desc, 1, 2, 3";

/// What a job costs that has nothing to do
#[derive(Debug, clap::Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    source: Source,

    /// How long to watch
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    workers: usize,

    /// One object, in place of lines for people
    #[arg(long)]
    json: bool,
}

/// CPU shares are of one core.
#[derive(Debug, Serialize)]
struct Idleness {
    bench: &'static str,
    zones: u64,
    accounts: u64,
    seconds: f64,
    client_cpu_share: f64,
    postgres_cpu_share: f64,
    wal_bytes: i64,
    lease_renewal_seconds: f64,
    scans: u64,
    written: Vec<Written>,
}

/// Records of the write-ahead log that are alike.
#[derive(Debug, Serialize)]
struct Written {
    resource_manager: String,
    record_type: String,
    relation: String,
    records: i64,
    bytes: i64,
}

impl Idle {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(self.workers.div_ceil(2)).enable_all().build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(&self) -> anyhow::Result<ExitCode> {
        let clock = Clock::system();
        let server = Server::start(&clock, false).await?;
        server.execute("create extension pg_walinspect").await?;
        let report = self.source.import(&server.connections.control).await?;
        let config = Config::default();
        let workers = || timely::Config::process(self.workers);
        let once = Lead { ending: Ending::Once, rate: Rate::Max, ..Lead::of(&config) };
        lead(&server.connections, workers(), &clock, once).await?;
        // What autovacuum and the checkpointer would do about that in the next minutes.
        server.execute("vacuum (analyze)").await?;
        server.execute("checkpoint").await?;

        let stop = Stop::default();
        let settings = Lead { stop: stop.clone(), ..Lead::of(&config) };
        let lease_renewal_seconds = settings.lease_ttl.as_secs_f64() / 3.0;
        let watching = async {
            tokio::time::sleep(SETTLED_AFTER).await;
            let idleness = self.watch(&server, &clock).await;
            stop.request();
            idleness
        };
        let (led, idleness) =
            tokio::join!(lead(&server.connections, workers(), &clock, settings), watching);
        let (returned, mut idleness) = (led?.summary.stats.returned, idleness?);
        idleness.zones = report.zones;
        idleness.accounts = report.accounts;
        idleness.lease_renewal_seconds = lease_renewal_seconds;
        idleness.scans = returned.fast + returned.slow;
        self.print(&idleness)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn watch(&self, server: &Server, clock: &Clock) -> anyhow::Result<Idleness> {
        let (from, started) = (server.wal_position().await?, clock.now());
        let (client, postgres) = (usage::own_cpu_s(), usage::tree_cpu_s(server.pid));
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        let seconds = clock.now().since(started).as_secs_f64();
        let client_cpu_share = (usage::own_cpu_s() - client) / seconds;
        let postgres_cpu_share = (usage::tree_cpu_s(server.pid) - postgres) / seconds;
        let wal_bytes = server.wal_bytes_since(&from).await?;
        let to = server.wal_flushed().await?;
        let client = server.connections.control.client().await?;
        let written = client.query(WRITTEN, &[&from, &to]).await?;
        Ok(Idleness {
            bench: "idle",
            zones: 0,
            accounts: 0,
            seconds,
            client_cpu_share,
            postgres_cpu_share,
            wal_bytes,
            lease_renewal_seconds: 0.0,
            scans: 0,
            written: written.iter().map(Written::of).collect(),
        })
    }

    fn print(&self, idle: &Idleness) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(idle)?)?;
            return Ok(());
        }
        writeln!(
            out,
            "{} zones, {:.0} s, {} scans: {:.2} % of a core here, {:.2} % in Postgres; {} bytes of \
             WAL; the lease is renewed every {:.2} s",
            idle.zones,
            idle.seconds,
            idle.scans,
            100.0 * idle.client_cpu_share,
            100.0 * idle.postgres_cpu_share,
            idle.wal_bytes,
            idle.lease_renewal_seconds,
        )?;
        for written in &idle.written {
            let Written { resource_manager, record_type, relation, records, bytes } = written;
            writeln!(
                out,
                "{records:>6} {bytes:>8} bytes  {resource_manager} {record_type} {relation}"
            )?;
        }
        Ok(())
    }
}

impl Written {
    fn of(row: &tokio_postgres::Row) -> Written {
        Written {
            resource_manager: row.get(0),
            record_type: row.get(1),
            relation: row.get(2),
            records: row.get(3),
            bytes: row.get(4),
        }
    }
}

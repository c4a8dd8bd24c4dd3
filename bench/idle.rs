//! What a job costs that has nothing to do, or little: all of its fleet has been scanned.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::PerLane;
use scanflow::operators::Feed;
use scanflow::schedule::{Ending, Rate};
use scanflow::stop::Stop;
use scanflow_dataflows::{Lead, lead};
use serde::Serialize;

use crate::meter::{Meter, Used};
use crate::pass::Pass;
use crate::print::print;
use crate::server::Server;
use crate::source::Source;
use crate::wal::{Cause, Record};

/// Reading the fleet is over by then.
const SETTLED_AFTER: Duration = Duration::from_secs(20);

/// An idle connection tells what it has changed after 10 s (`PGSTAT_IDLE_INTERVAL`). What was told
/// after a vacuum would bring autovacuum.
const COUNTED_AFTER: Duration = Duration::from_secs(15);

/// What a job costs that has nothing to do
#[derive(Debug, clap::Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    source: Source,

    /// How long to watch; at least the time of a few renewals of the lease
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(10..))]
    seconds: u64,

    /// Have it scan so many a second that are not due, in place of nothing
    #[arg(long, value_name = "N")]
    scans_per_second: Option<f64>,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,

    /// One object, in place of lines for people
    #[arg(long)]
    json: bool,
}

/// CPU shares are of one core. The write-ahead log is parted by its cause, and told in full.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    zones: u64,
    accounts: u64,
    scans: u64,
    #[serde(flatten)]
    used: Used,
    client_cpu_share: f64,
    db_cpu_share: f64,
    lease_renewal_s: f64,
    lease_updates: i64,
    wal_lease_bytes: i64,
    wal_commit_bytes: i64,
    wal_server_bytes: i64,
    wal_other_bytes: i64,
    wal: Vec<Record>,
}

impl Idle {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        server.execute("create extension pg_walinspect").await?;
        let report = self.source.import(&server.connections.control).await?;
        Pass::run(&server, &clock, self.workers).await?;
        tokio::time::sleep(COUNTED_AFTER).await;
        // What autovacuum and the checkpointer would do about that in the next minutes.
        server.execute("vacuum (analyze)").await?;
        server.execute("checkpoint").await?;

        let (stop, feed) = (Stop::default(), Feed::default());
        let settings =
            Lead { stop: stop.clone(), feed: feed.clone(), ..Lead::of(&Config::default()) };
        let settings = match self.scans_per_second {
            None => settings,
            Some(rate) => Lead { ending: Ending::Once, rate: Rate::PerSecond(rate), ..settings },
        };
        let lease_renewal_s = settings.lease_ttl.as_secs_f64() / 3.0;
        let watching = async {
            tokio::time::sleep(SETTLED_AFTER).await;
            let watched = self.watch(&server, &clock, &feed).await;
            stop.request();
            watched
        };
        let workers = timely::Config::process(self.workers);
        let mut leading = pin!(lead(&server.connections, workers, &clock, settings));
        let watched = tokio::select! {
            led = &mut leading => {
                let scans = led?.summary.stats.emitted;
                anyhow::bail!("the job ended after {scans} scans: watch a larger fleet");
            }
            watched = watching => watched?,
        };
        anyhow::ensure!(leading.await?.lost.is_none(), "the job was broken off");
        let Watched { scans, used, wal } = watched;
        let bytes = |cause| {
            wal.iter().filter(|record| record.cause() == cause).map(|record| record.bytes).sum()
        };
        let updates = wal.iter().filter(|record| record.is_update_of("leases"));
        let figures = Figures {
            bench: "idle",
            zones: report.zones,
            accounts: report.accounts,
            scans,
            used,
            client_cpu_share: used.client_cpu_s / used.seconds,
            db_cpu_share: used.db_cpu_s / used.seconds,
            lease_renewal_s,
            lease_updates: updates.map(|record| record.records).sum(),
            wal_lease_bytes: bytes(Cause::Lease),
            wal_commit_bytes: bytes(Cause::Commit),
            wal_server_bytes: bytes(Cause::Server),
            wal_other_bytes: bytes(Cause::Other),
            wal,
        };
        print(self.json, &figures)
    }

    async fn watch(&self, server: &Server, clock: &Clock, feed: &Feed) -> anyhow::Result<Watched> {
        let scans = || {
            let returned = feed.progress().map(|progress| progress.returned);
            returned.map_or(0, |PerLane { fast, slow }| fast + slow)
        };
        let before = scans();
        let meter = Meter::start(server, clock).await?;
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        let used = meter.read().await?;
        let scans = scans() - before;
        let wal = Record::since(server, &meter.wal_position).await?;
        Ok(Watched { scans, used, wal })
    }
}

struct Watched {
    scans: u64,
    used: Used,
    wal: Vec<Record>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| 100.0 * share;
        write!(f, "{} zones, {} accounts, ", self.zones, self.accounts)?;
        write!(f, "{} scans in {:.0} s: ", self.scans, self.used.seconds)?;
        write!(f, "{:.2} % of a core here, ", percent(self.client_cpu_share))?;
        write!(f, "{:.2} % in Postgres; ", percent(self.db_cpu_share))?;
        write!(f, "the lease renewed {} times, ", self.lease_updates)?;
        write!(
            f,
            "every {:.2} s; WAL: {} bytes of the ",
            self.lease_renewal_s, self.wal_lease_bytes
        )?;
        write!(f, "lease, {} of commits, ", self.wal_commit_bytes)?;
        write!(f, "{} of Postgres itself, ", self.wal_server_bytes)?;
        write!(f, "{} of anything else", self.wal_other_bytes)?;
        self.wal.iter().try_for_each(|record| write!(f, "\n{record}"))
    }
}

//! The agenda over a real Postgres: what scans cost at a high rate, beside claims in SQL.

use std::fmt;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::schedule::Dispatcher;
use scanflow::store::postgres::{Session, Transaction};
use serde::Serialize;

use self::claims::Claims;
use crate::meter::Meter;
use crate::print::{print, tell};
use crate::server::Server;
use crate::sink::bars::Bar;
use crate::sink::tables::{Written, all_told};

mod agenda;
mod claims;
mod fill;

/// Scans of one flush, and assets of one claim.
const SCANS_MAX: usize = 500;
/// How often whoever has nothing to do looks for tokens.
const TICK: Duration = Duration::from_millis(5);

/// What scans of a steady fleet cost at a high rate, by the agenda and by claims in SQL
#[derive(Debug, clap::Args)]
pub(crate) struct Schedule {
    /// Half of them are due
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    assets: u64,

    #[arg(long, value_name = "SCANS_A_SECOND", default_value_t = 10_000.0)]
    rate: f64,

    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,

    /// So long again while somebody keeps a snapshot open
    #[arg(long, value_name = "N", default_value_t = 40)]
    snapshot_seconds: u64,

    /// Flushes, or claims, at a time
    #[arg(long, default_value_t = 2)]
    flights: usize,

    /// One object an arm, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// One arm. `rate` counts what became durable, `rate_error` is the part by which it missed what was asked
/// for; `wal_bytes_per_scan` is without images of pages (`page_images_bytes_per_scan`); of `load_s` and
/// the claims null, where an arm has none.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    arm: &'static str,
    assets: u64,
    scans: u64,
    rate: f64,
    rate_error: f64,
    db_cpu_s_per_1000: f64,
    client_cpu_s_per_1000: f64,
    wal_bytes_per_scan: f64,
    page_images_bytes_per_scan: f64,
    row_versions_per_scan: f64,
    hot_share: f64,
    index_growth_bytes: i64,
    load_s: Option<f64>,
    flush_p50_ms: f64,
    flush_p99_ms: f64,
    claim_p50_ms: Option<f64>,
    claim_p99_ms: Option<f64>,
}

/// What an arm did.
#[derive(Debug, Default)]
struct Done {
    scans: u64,
    seconds: f64,
    flushes_ms: Vec<f64>,
    claims_ms: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arm {
    Agenda,
    AgendaSnapshotOpen,
    StoryClaims,
    /// Told to people alone.
    StoryClaimsSnapshotOpen,
}

impl Schedule {
    /// As those of a job: two, though there is no graph.
    pub(crate) fn workers(&self) -> usize {
        2
    }

    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let scans = self.rate * (self.seconds + self.snapshot_seconds) as f64;
        let due = self.assets as f64 * fill::DUE_SHARE;
        anyhow::ensure!(scans <= due, "{scans} scans are asked for, and {due} assets are due");
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        server.execute("create extension pg_walinspect").await?;
        fill::fleet(&server, self.assets).await?;
        for arm in [Arm::Agenda, Arm::AgendaSnapshotOpen] {
            let figures = self.measure(&server, &clock, arm).await?;
            print(self.json, &figures)?;
            figures.bars().iter().for_each(|bar| tell(&bar.to_string()));
        }
        fill::claims(&server, self.assets).await?;
        print(self.json, &self.measure(&server, &clock, Arm::StoryClaims).await?)?;
        let beside = self.measure(&server, &clock, Arm::StoryClaimsSnapshotOpen).await?;
        tell(&beside.to_string());
        Ok(())
    }

    async fn measure(&self, server: &Server, clock: &Clock, arm: Arm) -> anyhow::Result<Figures> {
        let control = &server.connections.control;
        let index_bytes = format!("select pg_indexes_size('{}')", arm.table());
        let started = clock.now();
        let mut dispatcher = match arm.has_agenda() {
            true => Some(agenda::load(control, clock, self.rate).await?),
            false => None,
        };
        let load_s = dispatcher.as_ref().map(|_| clock.now().since(started).as_secs_f64());
        let rows = Written::to(control, arm.table()).await?;
        let indexes = server.number(&index_bytes).await?;
        let meter = Meter::start(server, clock).await?;
        let done = self.scan(server, clock, arm, dispatcher.as_mut()).await?;
        let used = meter.read().await?;
        all_told(control).await?;
        let rows = Written::to(control, arm.table()).await?.since(rows);
        let images = server.page_images_bytes_since(&meter.wal_position).await?;
        let scans = done.scans as f64;
        let rate = scans / done.seconds;
        Ok(Figures {
            bench: "schedule",
            arm: arm.name(),
            assets: self.assets,
            scans: done.scans,
            rate,
            rate_error: (rate / self.rate - 1.0).abs(),
            db_cpu_s_per_1000: used.db_cpu_s / scans * 1e3,
            client_cpu_s_per_1000: used.client_cpu_s / scans * 1e3,
            wal_bytes_per_scan: (used.wal_bytes - images) as f64 / scans,
            page_images_bytes_per_scan: images as f64 / scans,
            row_versions_per_scan: rows.updated as f64 / scans,
            hot_share: rows.hot_updated as f64 / rows.updated as f64,
            index_growth_bytes: server.number(&index_bytes).await? - indexes,
            load_s,
            flush_p50_ms: percentile(&done.flushes_ms, 0.5).unwrap_or_default(),
            flush_p99_ms: percentile(&done.flushes_ms, 0.99).unwrap_or_default(),
            claim_p50_ms: percentile(&done.claims_ms, 0.5),
            claim_p99_ms: percentile(&done.claims_ms, 0.99),
        })
    }

    /// By connections that end then.
    async fn scan(
        &self,
        server: &Server,
        clock: &Clock,
        arm: Arm,
        dispatcher: Option<&mut Dispatcher>,
    ) -> anyhow::Result<Done> {
        let (database, other) = (server.open(self.flights)?, server.open(1)?);
        let mut reader = other.client().await?;
        let (_snapshot, seconds) = match arm.snapshot_is_open() {
            true => (Some(open_snapshot(&mut reader).await?), self.snapshot_seconds),
            false => (None, self.seconds),
        };
        let length = Duration::from_secs(seconds);
        match dispatcher {
            Some(dispatcher) => {
                agenda::scan(dispatcher, database, clock, self.flights, length).await
            }
            None => Claims::new(database, clock, self.rate, self.flights).scan(length).await,
        }
    }
}

/// Reads one moment until it ends, as a dump does.
async fn open_snapshot(session: &mut Session) -> anyhow::Result<Transaction<'_>> {
    let snapshot = session.snapshot().await?;
    snapshot.query_one("select count(*) from pg_class", &[]).await?;
    Ok(snapshot)
}

impl Arm {
    const fn name(self) -> &'static str {
        match self {
            Arm::Agenda => "agenda",
            Arm::AgendaSnapshotOpen => "agenda_snapshot_open",
            Arm::StoryClaims => "story_claims",
            Arm::StoryClaimsSnapshotOpen => "story_claims_snapshot_open",
        }
    }

    const fn has_agenda(self) -> bool {
        matches!(self, Arm::Agenda | Arm::AgendaSnapshotOpen)
    }

    const fn snapshot_is_open(self) -> bool {
        matches!(self, Arm::AgendaSnapshotOpen | Arm::StoryClaimsSnapshotOpen)
    }

    const fn table(self) -> &'static str {
        if self.has_agenda() { "scan_state" } else { fill::CLAIMS_TABLE }
    }
}

/// None of nothing.
fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * share) as usize).copied()
}

impl Figures {
    fn bars(&self) -> [Bar; 3] {
        let Figures { arm, rate_error, hot_share, index_growth_bytes, .. } = self;
        [
            Bar::at_most(format!("{arm}: error of the rate"), *rate_error, 0.01),
            Bar::at_least(format!("{arm}: HOT share"), *hot_share, 0.98),
            Bar::at_most(
                format!("{arm}: bytes that indexes grew by"),
                *index_growth_bytes as f64,
                0.0,
            ),
        ]
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} assets, {} scans, ", self.arm, self.assets, self.scans)?;
        write!(f, "{:.0}/s ({:.2} % off); ", self.rate, self.rate_error * 100.0)?;
        write!(f, "CPU s a 1,000 scans {:.4} in Postgres, ", self.db_cpu_s_per_1000)?;
        write!(f, "{:.4} here; ", self.client_cpu_s_per_1000)?;
        write!(f, "WAL {:.0} bytes a scan, ", self.wal_bytes_per_scan)?;
        write!(f, "and {:.0} of page images; ", self.page_images_bytes_per_scan)?;
        write!(f, "{:.2} row versions a scan, ", self.row_versions_per_scan)?;
        write!(f, "HOT {:.4}; ", self.hot_share)?;
        write!(f, "indexes grew by {:.1} MB; ", self.index_growth_bytes as f64 / 1e6)?;
        if let Some(load_s) = self.load_s {
            write!(f, "loaded in {load_s:.1} s; ")?;
        }
        if let (Some(p50), Some(p99)) = (self.claim_p50_ms, self.claim_p99_ms) {
            write!(f, "claims p50 {p50:.1} and p99 {p99:.1} ms, ")?;
        }
        write!(f, "flushes p50 {:.1} and p99 {:.1} ms", self.flush_p50_ms, self.flush_p99_ms)
    }
}

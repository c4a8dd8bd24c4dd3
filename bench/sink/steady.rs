//! The ordinary day: every zone is scanned again, and almost nothing has changed.

use std::fmt;

use scanflow::clock::Clock;
use scanflow::model::Outcome;
use scanflow::sinks::postgres::Postgres;
use serde::Serialize;

use super::bars::Bar;
use super::flights;
use super::outcomes::{Evidence, mix, outcome};
use super::tables::{Written, all_told};
use crate::meter::Meter;
use crate::print::{print, tell};
use crate::server::Server;

/// Of each zone.
const FINDINGS: usize = 2;

/// What a rescan costs when almost nothing has changed
#[derive(Debug, clap::Args)]
pub(crate) struct Steady {
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    zones: usize,

    /// Of them so many percent have one finding that changed, as .gov has in a day
    #[arg(long, value_name = "PERCENT", default_value_t = 0.11)]
    changed: f64,

    /// Flushes at a time
    #[arg(long, default_value_t = 2)]
    flights: usize,

    /// One object a pass, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// One pass over all zones, in random order. `wal_bytes_per_scan` is without images of pages
/// (`page_images_bytes_per_scan`), of which there are many after a checkpoint.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    pass: &'static str,
    scans: usize,
    scans_per_second: f64,
    wal_bytes_per_scan: f64,
    page_images_bytes_per_scan: f64,
    db_cpu_s_per_1000: f64,
    client_cpu_s_per_1000: f64,
    finding_rows: i64,
    history_rows: i64,
    changed: usize,
    hot_share: f64,
    dead_tuples: i64,
}

impl Steady {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        server.execute("create extension pg_walinspect").await?;
        let make = format!(
            "insert into scan_state (asset_id) select n from generate_series(1, {}) n",
            self.zones
        );
        server.execute(&make).await?;
        let first = self.outcomes(1);
        self.flush(&server, &clock, &first).await?;
        all_told(&server.connections.control).await?;
        server.execute("vacuum (analyze)").await?;
        server.execute("checkpoint").await?;
        let mut bars = Vec::new();
        let passes = ["after_checkpoint", "again"];
        for (sequence, pass) in (2..).zip(passes) {
            let figures = self.pass(&server, &clock, pass, sequence).await?;
            print(self.json, &figures)?;
            bars.extend(figures.bars());
        }
        bars.iter().for_each(|bar| tell(&bar.to_string()));
        Ok(())
    }

    async fn pass(
        &self,
        server: &Server,
        clock: &Clock,
        pass: &'static str,
        sequence: u64,
    ) -> anyhow::Result<Figures> {
        let zones = i64::try_from(self.zones)?;
        let changed = (1..=zones).filter(|asset| self.changes(*asset, sequence)).count();
        let outcomes = self.outcomes(sequence);

        let control = &server.connections.control;
        let tables = ["scan_state", "insights", "insight_events%"];
        let mut before = Vec::new();
        for table in tables {
            before.push(Written::to(control, table).await?);
        }
        let meter = Meter::start(server, clock).await?;
        self.flush(server, clock, &outcomes).await?;
        let used = meter.read().await?;
        all_told(control).await?;
        let mut written = Vec::new();
        for (table, before) in tables.iter().zip(before) {
            written.push(Written::to(control, table).await?.since(before));
        }
        let [scan_state, insights, history] = written[..] else { unreachable!("three tables") };
        anyhow::ensure!(scan_state.rows() == zones, "{scan_state:?} of {zones} zones");
        let images = server.page_images_bytes_since(&meter.wal_position).await?;

        let scans = self.zones as f64;
        Ok(Figures {
            bench: "sink.steady",
            pass,
            scans: self.zones,
            scans_per_second: scans / used.seconds,
            wal_bytes_per_scan: (used.wal_bytes - images) as f64 / scans,
            page_images_bytes_per_scan: images as f64 / scans,
            db_cpu_s_per_1000: used.db_cpu_s / scans * 1e3,
            client_cpu_s_per_1000: used.client_cpu_s / scans * 1e3,
            finding_rows: insights.rows(),
            history_rows: history.rows(),
            changed,
            hot_share: scan_state.hot_updated as f64 / scan_state.updated as f64,
            dead_tuples: scan_state.dead + insights.dead,
        })
    }

    /// One scan of each zone.
    fn outcomes(&self, sequence: u64) -> Vec<Outcome> {
        let zones = 1..=i64::try_from(self.zones).unwrap_or(i64::MAX);
        let mut order: Vec<i64> = zones.collect();
        order.sort_by_key(|asset| mix(asset.unsigned_abs() ^ sequence << 48));
        let outcomes = order.into_iter().map(|asset| {
            let changes = (2..=sequence).filter(|scan| self.changes(asset, *scan)).count();
            // One of the two findings, there and back.
            let evidence = if changes % 2 == 1 { Evidence::OtherIn(2) } else { Evidence::AtFirst };
            outcome(asset, sequence, FINDINGS, evidence, true)
        });
        outcomes.collect()
    }

    /// Whether a zone has changed before this scan.
    fn changes(&self, asset: i64, sequence: u64) -> bool {
        let share = (mix(asset.unsigned_abs() ^ sequence << 40) >> 32) as f64 / f64::from(u32::MAX);
        1 < sequence && share < self.changed / 100.0
    }

    /// By connections that end then.
    async fn flush(
        &self,
        server: &Server,
        clock: &Clock,
        outcomes: &[Outcome],
    ) -> anyhow::Result<()> {
        let database = server.open(self.flights)?;
        let sink = Postgres::new(database, clock.clone());
        flights::flush(&sink, outcomes, flights::outcomes_max(), self.flights).await?;
        Ok(())
    }
}

impl Figures {
    fn bars(&self) -> Vec<Bar> {
        let Figures { pass, db_cpu_s_per_1000, wal_bytes_per_scan, hot_share, .. } = self;
        let (rows, changed) = (self.finding_rows as f64, self.changed as f64);
        vec![
            Bar::at_most(
                format!("{pass}: CPU s of Postgres a 1,000 scans"),
                *db_cpu_s_per_1000,
                0.02,
            ),
            Bar::at_most(format!("{pass}: WAL bytes a scan"), *wal_bytes_per_scan, 250.0),
            Bar::at_least(format!("{pass}: HOT share of scan_state"), *hot_share, 0.98),
            Bar::at_most(format!("{pass}: finding rows written"), rows, changed),
        ]
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} scans, {:.0}/s; ", self.pass, self.scans, self.scans_per_second)?;
        write!(f, "WAL {:.0} bytes a scan, ", self.wal_bytes_per_scan)?;
        write!(f, "and {:.0} of page images; ", self.page_images_bytes_per_scan)?;
        write!(f, "CPU s a 1,000 scans {:.4} in Postgres, ", self.db_cpu_s_per_1000)?;
        write!(f, "{:.4} here; ", self.client_cpu_s_per_1000)?;
        write!(f, "{} zones changed, {} finding rows and ", self.changed, self.finding_rows)?;
        write!(f, "{} of history written; ", self.history_rows)?;
        write!(f, "HOT {:.4}; {} dead tuples", self.hot_share, self.dead_tuples)
    }
}

//! Flushes must leave no trace in the catalogue: what is written there is dead soon, and slows down
//! everybody who looks something up.

use std::fmt;

use scanflow::clock::Clock;
use scanflow::store::postgres::Database;
use serde::Serialize;

use super::bars::Bar;
use super::outcomes::{Evidence, outcome};
use super::tables::{Written, all_told};
use super::ways::{Given, Target, Way};
use crate::print::{print, tell};
use crate::server::Server;

const CATALOGUE: [&str; 4] = ["pg_class", "pg_attribute", "pg_type", "pg_depend"];

const ASSETS: usize = 100;
const FINDINGS: usize = 20;

/// Rows that flushes write into the system catalogue
#[derive(Debug, clap::Args)]
pub(crate) struct Catalogue {
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    flushes: usize,

    /// One object a path, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// `path`: of the sink, or another way that shows what would be seen.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    path: &'static str,
    flushes: usize,
    catalogue_rows: i64,
    finding_rows: i64,
}

impl Catalogue {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        // It writes into the catalogue by itself.
        server.execute("alter system set autovacuum = off").await?;
        server.execute("select pg_reload_conf()").await?;
        let mut bars = Vec::new();
        let paths = [
            ("unnest", Way::Ours, usize::MAX),
            ("copy", Way::OursCompared, 0),
            ("copy_temp", Way::CopyTemp, 0),
        ];
        for (path, way, copy_findings_min) in paths {
            let target = Target::make(&server, &clock, way).await?;
            let figures = self.measure(&server, path, target, copy_findings_min).await?;
            print(self.json, &figures)?;
            if way != Way::CopyTemp {
                let rows = figures.catalogue_rows as f64;
                bars.push(Bar::at_most(format!("{path}: rows of the catalogue"), rows, 0.0));
            }
        }
        bars.iter().for_each(|bar| tell(&bar.to_string()));
        Ok(())
    }

    async fn measure(
        &self,
        server: &Server,
        path: &'static str,
        target: Target,
        copy_findings_min: usize,
    ) -> anyhow::Result<Figures> {
        target.clear(ASSETS).await?;
        // Another one looks at what those of the target did, after they have ended.
        let watching = Database::open(&server.url_of(target.name()), 1)?;
        // Each flush changes a part of its findings.
        let evidence = |round: usize| match round % 2 {
            0 => Evidence::OtherIn(3),
            _ => Evidence::AtFirst,
        };
        let flush = |number: usize| {
            let (asset, round) = (1 + number % ASSETS, 1 + number / ASSETS);
            let evidence = evidence(round);
            Given::Held(outcome(asset as i64, round as u64, FINDINGS, evidence, true))
        };
        // Draws numbers and fills what a connection keeps.
        let first = ASSETS.min(self.flushes);
        for number in 0..first {
            target.write(&flush(number)).await?;
        }
        let target = target.reconnected(server, copy_findings_min)?;
        all_told(&watching).await?;
        let before = counts(&watching).await?;
        for number in first..first + self.flushes {
            target.write(&flush(number)).await?;
        }
        drop(target);
        all_told(&watching).await?;
        let after = counts(&watching).await?;
        let scanned = after.scan_state - before.scan_state;
        anyhow::ensure!(scanned == i64::try_from(self.flushes)?, "{scanned} flushes are known of");
        Ok(Figures {
            bench: "sink.catalogue",
            path,
            flushes: self.flushes,
            catalogue_rows: after.catalogue - before.catalogue,
            finding_rows: after.insights - before.insights,
        })
    }
}

struct Counted {
    catalogue: i64,
    insights: i64,
    scan_state: i64,
}

async fn counts(database: &Database) -> anyhow::Result<Counted> {
    let mut catalogue = 0;
    for table in CATALOGUE {
        catalogue += Written::to(database, table).await?.rows();
    }
    let insights = Written::to(database, "insights").await?.rows();
    let scan_state = Written::to(database, "scan_state").await?.rows();
    Ok(Counted { catalogue, insights, scan_state })
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { path, flushes, catalogue_rows, finding_rows, .. } = self;
        write!(f, "{path}: {flushes} flushes wrote {finding_rows} rows of insights and ")?;
        write!(f, "{catalogue_rows} of the catalogue")
    }
}

//! How much memory a lane full of large zones takes that are all due at once.

use std::fmt;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::operators::Feed;
use scanflow::schedule::Rate;
use scanflow::store::postgres::orders;
use scanflow_dataflows::Lead;
use serde::Serialize;

use super::giants::{self, RECORDS_MAX};
use super::watch::{LOOK, begun, watched};
use crate::print::{print, tell};
use crate::server::Server;
use crate::sink::bars::Bar;
use crate::usage;

/// So much more than without anything to do.
const RSS_MORE_MB_MAX: f64 = 400.0;

/// What the start takes is given back by then, or stays.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// What memory many large zones take that are due at once
#[derive(Debug, clap::Args)]
pub(crate) struct Memory {
    #[arg(long, value_name = "N", default_value_t = 200)]
    zones: u32,

    /// Of each zone
    #[arg(long, value_name = "RECORDS", default_value_t = 50_000,
          value_parser = clap::value_parser!(u32).range(1..=RECORDS_MAX))]
    records: u32,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    workers: usize,

    /// One object, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// MB of 10^6 bytes that this process holds, without Postgres: with nothing to do, and at most until
/// all zones were scanned for the first time.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    zones: u32,
    records: u32,
    workers: usize,
    rss_idle_mb: f64,
    rss_peak_mb: f64,
    rss_peak_mb_limit: f64,
    seconds: f64,
    findings: i64,
}

impl Memory {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        giants::add(&server, self.zones, self.records).await?;
        server.execute("checkpoint").await?;
        tell(&format!("made {} zones of {} records", self.zones, self.records));
        let control = &server.connections.control;
        orders::pause(control, "scanflow-bench").await?;
        let feed = Feed::default();
        let settings = Lead { rate: Rate::Max, feed: feed.clone(), ..Lead::of(&Config::default()) };
        let watching = async {
            begun(&feed).await;
            tokio::time::sleep(SETTLED_AFTER).await;
            usage::forget_rss_max();
            let rss_idle_mb = usage::own_rss_max_mb();
            orders::resume(control).await?;
            let from = clock.now();
            while giants::left(&server).await? != 0 {
                tokio::time::sleep(LOOK).await;
            }
            let seconds = clock.now().since(from).as_secs_f64();
            Ok((rss_idle_mb, usage::own_rss_max_mb(), seconds))
        };
        let (_, seen) = watched(&server, &clock, self.workers, settings, watching).await?;
        let (rss_idle_mb, rss_peak_mb, seconds) = seen;
        let figures = Figures {
            bench: "lanes.memory",
            zones: self.zones,
            records: self.records,
            workers: self.workers,
            rss_idle_mb,
            rss_peak_mb,
            rss_peak_mb_limit: rss_idle_mb + RSS_MORE_MB_MAX,
            seconds,
            findings: server.open_insights().await?,
        };
        print(self.json, &figures)?;
        let more_mb = rss_peak_mb - rss_idle_mb;
        tell(
            &Bar::at_most("RSS above that of nothing to do, MB", more_mb, RSS_MORE_MB_MAX)
                .to_string(),
        );
        Ok(())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { zones, records, seconds, findings, .. } = self;
        write!(f, "{zones} zones of {records} records in {seconds:.1} s, {findings} findings: ")?;
        write!(f, "idle {:.0} MB, ", self.rss_idle_mb)?;
        write!(f, "at most {:.0} MB (limit {:.0})", self.rss_peak_mb, self.rss_peak_mb_limit)
    }
}

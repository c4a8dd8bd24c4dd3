//! A server that is far away costs latency; it must not cost throughput.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use scanflow::clock::Clock;
use scanflow::model::Outcome;
use scanflow::sinks::postgres::{Postgres, calibrate};
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::Database;
use serde::Serialize;

use super::bars::Bar;
use super::flights;
use super::outcomes::{Evidence, mix, outcome};
use crate::print::{print, tell};
use crate::proxy::Proxy;
use crate::server::Server;

/// Of each zone.
const FINDINGS: usize = 2;

/// How often whoever makes outcomes hands them over.
const TICK: Duration = Duration::from_millis(5);

/// Throughput of the sink behind some distance
#[derive(Debug, clap::Args)]
pub(crate) struct Distance {
    #[arg(long, value_name = "N", default_value_t = 300_000)]
    zones: usize,

    /// Milliseconds of a round trip
    #[arg(long, value_delimiter = ',', default_values_t = [0, 10, 50])]
    rtt_ms: Vec<u64>,

    /// One object a measurement, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// Without `offered_per_second` as many outcomes as the flights take.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    rtt_ms: u64,
    flights: usize,
    offered_per_second: Option<f64>,
    scans_per_second: f64,
    round_trips_per_flush: f64,
    copy_findings_min: usize,
    outcomes_per_flush: f64,
}

impl Distance {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let make = format!(
            "insert into scan_state (asset_id) select n from generate_series(1, {}) n",
            self.zones
        );
        server.execute(&make).await?;
        let mut sequence = 0;
        let mut pass = async |rtt_ms, flights, offered_per_second| -> anyhow::Result<Figures> {
            sequence += 1;
            let far = Far { server: &server, clock: &clock, rtt_ms, flights, offered_per_second };
            far.pass(&self.outcomes(sequence)).await
        };
        pass(0, 1, None).await?; // finds everything new
        server.execute("vacuum (analyze)").await?;
        let near = pass(0, 1, None).await?;
        print(self.json, &near)?;
        let flights = flights::flights_max();
        let mut paced = Vec::new();
        for rtt_ms in &self.rtt_ms {
            let figures = pass(*rtt_ms, flights, Some(near.scans_per_second)).await?;
            print(self.json, &figures)?;
            paced.push(figures);
            print(self.json, &pass(*rtt_ms, flights, None).await?)?;
        }
        for far in &paced {
            let (ms, trips) = (far.rtt_ms, far.round_trips_per_flush);
            tell(&Bar::at_most(format!("{ms} ms: round trips a flush"), trips, 1.0).to_string());
            if ms != 0 && paced[0].rtt_ms == 0 {
                let share = far.scans_per_second / paced[0].scans_per_second;
                let what = format!("throughput at {ms} ms by that at 0 ms");
                tell(&Bar::at_least(what, share, 0.95).to_string());
            }
        }
        Ok(())
    }

    /// The same findings in each scan, in random order.
    fn outcomes(&self, sequence: u64) -> Vec<Outcome> {
        let zones = 1..=i64::try_from(self.zones).unwrap_or(i64::MAX);
        let mut order: Vec<i64> = zones.collect();
        order.sort_by_key(|asset| mix(asset.unsigned_abs() ^ sequence << 48));
        let outcome = |asset| outcome(asset, sequence, FINDINGS, Evidence::AtFirst, true);
        order.into_iter().map(outcome).collect()
    }
}

/// A pass over all zones behind a distance.
struct Far<'a> {
    server: &'a Server,
    clock: &'a Clock,
    rtt_ms: u64,
    flights: usize,
    offered_per_second: Option<f64>,
}

impl Far<'_> {
    async fn pass(&self, outcomes: &[Outcome]) -> anyhow::Result<Figures> {
        let round_trip = Duration::from_millis(self.rtt_ms);
        let proxy = Proxy::start(self.clock, self.server.socket()?, round_trip).await?;
        let url = format!(
            "host=127.0.0.1 port={} user=scanflow dbname=scanflow sslmode=disable",
            proxy.port
        );
        let database = Database::open(&url, self.flights)?;
        // As a run from there measures it at its first start.
        self.server.execute("delete from sink_calibrations").await?;
        let copy_findings_min = calibrate(&database, self.clock).await?.copy_findings_min;
        let sink = Postgres::new(database, self.clock.clone()).copying_from(copy_findings_min);
        // Connects, prepares and draws the numbers of the checks: each connection does it once.
        let (first, outcomes) = outcomes.split_at(outcomes.len() / 20);
        let batch = flights::outcomes_max().min(first.len().div_ceil(2 * self.flights));
        flights::flush(&sink, first, batch, self.flights).await?;

        let (turns, started) = (proxy.turns(), self.clock.now());
        let flushes = self.flush(&sink, outcomes).await?;
        let seconds = self.clock.now().since(started).as_secs_f64();
        Ok(Figures {
            bench: "sink.distance",
            rtt_ms: self.rtt_ms,
            flights: self.flights,
            offered_per_second: self.offered_per_second,
            scans_per_second: outcomes.len() as f64 / seconds,
            round_trips_per_flush: (proxy.turns() - turns) as f64 / flushes as f64,
            copy_findings_min,
            outcomes_per_flush: outcomes.len() as f64 / flushes as f64,
        })
    }

    /// As the operator does it: a flight takes what has come, and at most so much.
    async fn flush(&self, sink: &Postgres, outcomes: &[Outcome]) -> anyhow::Result<usize> {
        let outcomes_max = flights::outcomes_max();
        let mut waiting = VecDeque::new();
        let Some(rate) = self.offered_per_second else {
            return flights::flush(sink, outcomes, outcomes_max, self.flights).await;
        };
        let (started, mut offered, mut flushes) = (self.clock.now(), 0, 0);
        let mut flying = FuturesUnordered::new();
        let mut ticks = tokio::time::interval(TICK);
        while offered < outcomes.len() || !waiting.is_empty() || !flying.is_empty() {
            tokio::select! {
                _ = ticks.tick(), if offered < outcomes.len() => {
                    let due = self.clock.now().since(started).as_secs_f64() * rate;
                    let due = (due as usize).min(outcomes.len());
                    waiting.extend(&outcomes[offered..due]);
                    offered = due;
                }
                Some(flushed) = flying.next() => { let () = flushed?; }
            }
            while flying.len() < self.flights && !waiting.is_empty() {
                let batch: Vec<Outcome> =
                    waiting.drain(..outcomes_max.min(waiting.len())).cloned().collect();
                flushes += 1;
                flying.push(async move {
                    let flushed = sink.flush(&batch).await?;
                    let all = flushed.iter().all(|how| *how == Flushed::Done);
                    anyhow::ensure!(all, "not all were applied");
                    Ok(())
                });
            }
        }
        Ok(flushes)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offered = match self.offered_per_second {
            Some(offered) => format!("{offered:.0} scans/s offered"),
            None => "as many as it takes".to_owned(),
        };
        write!(f, "{:>3} ms, {} flights, {offered}: ", self.rtt_ms, self.flights)?;
        write!(f, "{:.0} scans/s, ", self.scans_per_second)?;
        write!(f, "{:.3} round trips a flush ", self.round_trips_per_flush)?;
        write!(f, "of {:.0} outcomes", self.outcomes_per_flush)
    }
}

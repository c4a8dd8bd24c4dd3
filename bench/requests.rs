//! How long it takes from a request to its durable answer, beside a fleet of which everything is due.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use hdrhistogram::Histogram;
use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::PerLane;
use scanflow::operators::Feed;
use scanflow::schedule::{Cadences, Rate};
use scanflow::stop::Stop;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::requests::{Wish, ask, progress};
use scanflow_dataflows::{Lead, lead};
use serde::Serialize;

use crate::pass::Pass;
use crate::print::{print, tell};
use crate::server::Server;
use crate::source::Source;

/// Between two looks at whether a request is answered.
const LOOK: Duration = Duration::from_millis(2);
/// An answer is durable so soon, of 99 in 100 requests.
const P99_MS_MAX: f64 = 1_000.0;
const HOUR_US: u64 = 3_600_000_000;

/// From a request to its durable answer, with everything due
#[derive(Debug, clap::Args)]
pub(crate) struct Requests {
    #[command(flatten)]
    source: Source,

    /// Requests of each arm, for one zone each
    #[arg(long, value_name = "N", default_value_t = 400)]
    requests: usize,

    /// Who wait for the answer to one before they ask for the next
    #[arg(long, value_name = "N", default_value_t = 4)]
    askers: usize,

    /// Threads that judge
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,

    /// One object an arm, in place of a line for people
    #[arg(long)]
    json: bool,
}

/// How the fleet is scanned meanwhile.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Arm {
    /// At the rate that its cadences need; all of it is overdue.
    Paced,
    /// As fast as credits allow, without an end: what was scanned is due again a second later.
    Saturated,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    arm: Arm,
    assets: usize,
    due: usize,
    requests: u64,
    p50_ms: f64,
    p99_ms: f64,
    p99_ms_limit: f64,
    max_ms: f64,
    scans_per_second: f64,
}

impl Requests {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let server = Server::start(&clock).await?;
        let report = self.source.import(&server.connections.control).await?;
        tell(&format!("imported {} accounts, {} zones", report.accounts, report.zones));
        Pass::run(&server, &clock, self.workers).await?;
        for arm in [Arm::Paced, Arm::Saturated] {
            server
                .execute("update scan_state set last_scheduled_at = now() - interval '30 d'")
                .await?;
            server.execute("vacuum (analyze) scan_state").await?;
            print(self.json, &self.measure(&server, &clock, arm).await?)?;
        }
        Ok(())
    }

    async fn measure(&self, server: &Server, clock: &Clock, arm: Arm) -> anyhow::Result<Figures> {
        let (stop, feed) = (Stop::default(), Feed::default());
        let task = Lead { stop: stop.clone(), feed: feed.clone(), ..Lead::of(&Config::default()) };
        let task = match arm {
            Arm::Paced => task,
            Arm::Saturated => Lead { cadences: second(&task.cadences), rate: Rate::Max, ..task },
        };
        let asking = async {
            let asked = self.ask(arm, server, clock, &feed).await;
            stop.request();
            asked
        };
        let workers = timely::Config::process(self.workers);
        let mut leading = pin!(lead(&server.connections, workers, clock, task));
        let asked = tokio::select! {
            led = &mut leading => anyhow::bail!("the job ended: {:?}", led?.lost),
            asked = asking => asked?,
        };
        anyhow::ensure!(leading.await?.lost.is_none(), "the job was broken off");
        let Asked { took_us, assets, due, scans_per_second } = asked;
        let ms = |us: u64| us as f64 / 1_000.0;
        Ok(Figures {
            bench: "requests",
            arm,
            assets,
            due,
            requests: took_us.len(),
            p50_ms: ms(took_us.value_at_quantile(0.5)),
            p99_ms: ms(took_us.value_at_quantile(0.99)),
            p99_ms_limit: P99_MS_MAX,
            max_ms: ms(took_us.max()),
            scans_per_second,
        })
    }

    async fn ask(
        &self,
        arm: Arm,
        server: &Server,
        clock: &Clock,
        feed: &Feed,
    ) -> anyhow::Result<Asked> {
        let begun = loop {
            match feed.progress() {
                Some(progress) => break progress,
                None => tokio::time::sleep(LOOK).await,
            }
        };
        let client = server.connections.control.client().await?;
        let zones = client.query("select id from zones order by hashint8(id)", &[]).await?;
        let mut zones: Vec<i64> = zones.iter().map(|row| row.get(0)).collect();
        // Others than before: what was just scanned for somebody is refused.
        if matches!(arm, Arm::Saturated) {
            zones.reverse();
        }
        drop(client);
        let database = server.open(self.askers)?;
        let each = self.requests.div_ceil(self.askers);
        let before = (clock.now(), scans(feed));
        let askers = zones.chunks(each).take(self.askers).map(|zones| {
            let (database, clock, zones) = (database.clone(), clock.clone(), zones.to_vec());
            tokio::spawn(async move { ask_each(&database, &clock, &zones).await })
        });
        let mut took_us = Histogram::new_with_bounds(1, HOUR_US, 3)?;
        for asker in askers.collect::<Vec<_>>() {
            for took in asker.await?? {
                took_us.saturating_record(took.as_micros() as u64);
            }
        }
        let seconds = clock.now().since(before.0).as_secs_f64();
        let scans_per_second = (scans(feed) - before.1) as f64 / seconds;
        Ok(Asked { took_us, assets: begun.assets, due: begun.backlog.due, scans_per_second })
    }
}

struct Asked {
    took_us: Histogram<u64>,
    assets: usize,
    due: usize,
    scans_per_second: f64,
}

/// One after the other, each when the one before is answered.
async fn ask_each(
    database: &Database,
    clock: &Clock,
    zones: &[i64],
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(zones.len());
    for zone in zones {
        let requested_by = "scanflow-bench".to_owned();
        let wish = Wish { assets: Some(vec![*zone]), requested_by, ..Wish::default() };
        let started = clock.now();
        let request = ask(database, &wish).await?.request;
        let answered = loop {
            let progress = progress(database, request).await?;
            if progress.is_over() {
                break progress;
            }
            tokio::time::sleep(LOOK).await;
        };
        took.push(clock.now().since(started));
        anyhow::ensure!(answered.scanned == 1, "zone {zone} was not scanned: {answered:?}");
    }
    Ok(took)
}

fn scans(feed: &Feed) -> u64 {
    let returned = feed.progress().map(|progress| progress.returned);
    returned.map_or(0, |PerLane { fast, slow }| fast + slow)
}

/// A second for every plan.
fn second(cadences: &Cadences) -> Cadences {
    Cadences::with(cadences.iter().map(|(plan, _)| (plan.to_owned(), Duration::from_secs(1))))
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { arm, assets, due, requests, p50_ms, p99_ms, max_ms, .. } = self;
        write!(f, "{arm:?}: {assets} assets, {due} due; {requests} requests beside ")?;
        write!(f, "{:.0} scans/s: p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms ", self.scans_per_second)?;
        write!(f, "(limit {:.0}), at most {max_ms:.0} ms", self.p99_ms_limit)
    }
}

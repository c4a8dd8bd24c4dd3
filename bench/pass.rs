//! One scan of every asset, as `scanflow run --once` does it.

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::operators::Feed;
use scanflow::schedule::{Ending, PlanProgress, Rate, Stats};
use scanflow_dataflows::{Connections, Lead, lead};

use crate::meter::{Meter, Used};
use crate::server::Server;
use crate::workers::Workers;

pub(crate) struct Pass {
    pub(crate) stats: Stats,
    pub(crate) plans: Vec<PlanProgress>,
    pub(crate) used: Used,
}

impl Pass {
    /// # Errors
    /// Also if a scan did not come back.
    pub(crate) async fn run(
        server: &Server,
        clock: &Clock,
        workers: usize,
    ) -> anyhow::Result<Pass> {
        let settings = Lead::of(&Config::default());
        Pass::over(server, &server.connections, clock, workers, settings).await
    }

    /// With other settings than the defaults, or over other connections than those of the server.
    ///
    /// # Errors
    /// Also if a scan did not come back.
    pub(crate) async fn over(
        server: &Server,
        connections: &Connections,
        clock: &Clock,
        workers: impl Into<Workers>,
        settings: Lead,
    ) -> anyhow::Result<Pass> {
        let feed = Feed::default();
        let settings =
            Lead { ending: Ending::Once, rate: Rate::Max, feed: feed.clone(), ..settings };
        let meter = Meter::start(server, clock).await?;
        let (workers, others) = workers.into().start(server)?;
        let led = lead(connections, workers, clock, settings).await?;
        for mut other in others {
            let ended = other.wait().await?;
            anyhow::ensure!(ended.success(), "another process of the cluster ended with {ended}");
        }
        let used = meter.read().await?;
        let summary = led.summary;
        anyhow::ensure!(led.lost.is_none() && summary.open_tickets == 0, "the pass was broken off");
        let plans = feed.progress().map(|progress| progress.plans).unwrap_or_default();
        Ok(Pass { stats: summary.stats, plans, used })
    }

    pub(crate) fn scans(&self) -> u64 {
        self.stats.returned.fast + self.stats.returned.slow
    }

    /// What the cadences ask for.
    pub(crate) fn due_per_day(&self) -> f64 {
        const DAY_S: f64 = 86_400.0;
        self.plans.iter().map(|plan| plan.assets as f64 * DAY_S / plan.cadence.as_secs_f64()).sum()
    }
}

//! The small zones of `lanes hol`: a generated fleet that is scanned at a share of what the machine
//! can do, each asset when it is due.

use std::collections::HashSet;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::{AssetId, Lane};
use scanflow::schedule::{Cadences, Durable};
use scanflow_dataflows::Lead;

use super::giants;
use crate::pass::Pass;
use crate::server::Server;

/// Of what the machine can do.
const SHARE: f64 = 0.3;

/// Those that are not small, if there are any, do not count as such.
pub(super) struct Small {
    assets: u64,
    not_small: HashSet<AssetId>,
    /// Scans of unchanged assets a second, as fast as they go.
    pub(super) capacity_per_second: f64,
}

impl Small {
    /// Scans everything, and then measures a pass that finds the same.
    pub(super) async fn measure(
        server: &Server,
        clock: &Clock,
        workers: usize,
    ) -> anyhow::Result<Small> {
        Pass::run(server, clock, workers).await?;
        let settings = Lead { keeps_each: true, ..Lead::of(&Config::default()) };
        let pass = Pass::over(server, &server.connections, clock, workers, settings).await?;
        let each = pass.stats.each.as_deref().unwrap_or_default();
        let slow = each.iter().filter(|scan| scan.lane == Lane::Slow);
        Ok(Small {
            assets: pass.scans(),
            not_small: slow.map(|scan| scan.asset).collect(),
            capacity_per_second: per_second(each),
        })
    }

    pub(super) fn offered_per_second(&self) -> f64 {
        SHARE * self.capacity_per_second
    }

    /// By which so many scans fall due a second.
    pub(super) fn cadence(&self) -> Duration {
        Duration::from_secs_f64(self.assets as f64 / self.offered_per_second())
    }

    pub(super) fn is_small(&self, scan: &Durable) -> bool {
        !self.not_small.contains(&scan.asset)
    }
}

/// From the first that went out to the last that was durable.
pub(super) fn per_second(each: &[Durable]) -> f64 {
    let first = each.iter().map(|scan| scan.emitted_at).min();
    let last = each.iter().map(|scan| scan.durable_at).max();
    let seconds = first.zip(last).map(|(first, last)| last.since(first).as_secs_f64());
    each.len() as f64 / seconds.unwrap_or(f64::NAN)
}

/// One for all plans, and one for that of giants.
pub(super) fn cadences(all: Duration, of_giants: Duration) -> Cadences {
    let all =
        Cadences::default().iter().map(|(plan, _)| (plan.to_owned(), all)).collect::<Vec<_>>();
    Cadences::with(all.into_iter().chain([(giants::PLAN.to_owned(), of_giants)]))
}

/// All but giants were scanned at even times of one cadence until now. What their scans cost is not known:
/// an arm before may have taken longer for each.
pub(super) async fn stamp(server: &Server, cadence: Duration) -> anyhow::Result<()> {
    let stamp = format!(
        "update scan_state s
            set last_scheduled_at = now() - make_interval(secs => {seconds} * f.age),
                cost = null, is_slow = null
           from (select asset_id, percent_rank() over (order by hashint8(asset_id)) as age
                   from scan_state
                  where asset_id not in (select id from zones where plan = '{plan}')) f
          where f.asset_id = s.asset_id",
        seconds = cadence.as_secs_f64(),
        plan = giants::PLAN,
    );
    server.execute(&stamp).await?;
    server.execute("vacuum (analyze) scan_state").await?;
    // Else one of the arms would have it.
    server.execute("checkpoint").await
}

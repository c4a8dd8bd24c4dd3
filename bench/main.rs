//! Throughput of the graphs that jobs run.

use scanflow::checks;
use scanflow::clock::Clock;
use scanflow::config::JobConfig;
use scanflow::model::PerLane;
use scanflow::operators::Feed;
use scanflow::panics;
use scanflow::schedule::{Cadences, Ending, Rate};
use scanflow::stop::Stop;
use scanflow::store::postgres::Database;
use scanflow_dataflows::{Connections, Lead, lead};

fn main() -> anyhow::Result<()> {
    panics::exit_on_worker_panic(panics::exit_now);
    let clock = Clock::system();
    let url = std::env::args().nth(1).expect("a url");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let open = |n| Database::open(&url, n);
        let connections =
            Connections { lane: PerLane { fast: open(4)?, slow: open(2)? }, control: open(2)? };
        let l = Lead {
            config: JobConfig::default(),
            checks: checks::ALL,
            cadences: Cadences::default(),
            rate: Rate::Max,
            buffer: 1.2,
            ending: Ending::Once,
            lease_ttl: std::time::Duration::from_secs(10),
            feed: Feed::default(),
            stop: Stop::default(),
        };
        let start = clock.now();
        let led = lead(&connections, timely::Config::process(2), &clock, l).await?;
        let s = clock.now().since(start).as_secs_f64();
        let h = &led.summary.stats.latency_us;
        println!(
            "{} scans {s:.2} s {:.0}/s p50 {} p99 {} {:?}",
            led.summary.stats.emitted,
            led.summary.stats.emitted as f64 / s,
            h.value_at_quantile(0.5),
            h.value_at_quantile(0.99),
            led.rows
        );
        anyhow::Ok(())
    })
}

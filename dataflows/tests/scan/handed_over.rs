//! Scans that meet more records than were predicted.

use scanflow::clock::Clock;
use scanflow::model::{AssetId, Snapshot, ZoneSnapshot};
use scanflow::{checks, sinks, store};
use scanflow_testing::Metrics;

use crate::fleet::by_loop;
use crate::{WORKERS, job, run};

#[test]
fn a_zone_that_has_grown_is_handed_over_and_scanned_in_the_lane_that_it_needs() {
    for workers in WORKERS {
        // So many that they are slow; so many that they are not; and one of which nothing is wrong.
        let zones: Vec<Snapshot> = [(0, 3_000), (1, 600), (2, 20)].map(grown).into();
        let assets: Vec<AssetId> = zones.iter().map(Snapshot::asset).collect();
        let store = store::memory::Memory::new(zones);
        let sink = sinks::memory::Memory::default();
        let job = job(store.clone(), sink.clone(), (0..3).map(|asset| (asset, 10)).collect(), 1);
        let telemetry = job.telemetry.clone();
        let summary = run(workers.clone(), job);

        assert_eq!(summary.open_tickets, 0, "{workers:?}");
        assert_eq!(summary.stats.emitted, 5, "two of them twice: {workers:?}");
        assert_eq!(summary.stats.returned.slow, 1, "{workers:?}");
        assert_eq!(sink.open(), by_loop(&store, &assets, checks::ALL), "{workers:?}");
        let metrics = Metrics::read(&telemetry.render(Clock::system().now()));
        let ended = |lane, outcome| {
            metrics.sum("scanflow_scans_total", &[("lane", lane), ("outcome", outcome)]) as u64
        };
        assert_eq!(ended("fast", "handed_over"), 2, "{workers:?}");
        assert_eq!([ended("fast", "done"), ended("slow", "done")], [2, 1], "{workers:?}");
    }
}

fn grown((asset, hosts): (i64, usize)) -> Snapshot {
    let lines: Vec<String> = (0..hosts).map(|host| format!("host-{host} A 10.0.0.1")).collect();
    let name = format!("zone{asset}.example");
    Snapshot::Zone(ZoneSnapshot::from_text(AssetId(asset), &name, &lines.join("\n")))
}

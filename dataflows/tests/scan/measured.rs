//! The metrics of a job: they say where the time of scans went, how scans ended, and which worker
//! lives.

use std::sync::Arc;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::sinks::{self, Sink};
use scanflow::store;
use scanflow::telemetry::Telemetry;
use scanflow_testing::Metrics;
use timely::CommunicationConfig;

use crate::blocks::Blocks;
use crate::doubles::Flaky;
use crate::fleet::{self, Dice, FAST, SLOW};
use crate::{RUN_MAX, WORKERS, job, run, start};

fn metrics(telemetry: &Telemetry) -> Metrics {
    Metrics::read(&telemetry.render(Clock::system().now()))
}

/// The stages, summed over all scans of the lane, and the scans.
fn seconds(metrics: &Metrics, lane: &str) -> (f64, f64) {
    let sum = |name: &str| metrics.sum(name, &[("lane", lane)]);
    (sum("scanflow_stage_seconds_sum"), sum("scanflow_scan_duration_seconds_sum"))
}

/// Also of assets that have vanished, and of flushes that are tried again.
#[test]
fn the_stages_of_scans_sum_up_to_their_duration() {
    for workers in WORKERS {
        let store = store::memory::Memory::new(fleet::zones(&mut Dice(7), 60));
        let sink = sinks::memory::Memory::default();
        let listed = (0..65).map(|asset| (asset, [FAST, SLOW][asset as usize % 2])).collect();
        let mut job = job(store, sink.clone(), listed, 1);
        let flaky: Arc<dyn Sink> = Arc::new(Flaky::new(sink));
        job.sinks.fast = flaky;
        let telemetry = job.telemetry.clone();
        run(workers.clone(), job);

        let metrics = metrics(&telemetry);
        for lane in ["fast", "slow"] {
            let (stages, scans) = seconds(&metrics, lane);
            assert!(0.0 < scans, "{workers:?}");
            let apart = (stages - scans).abs() / scans;
            assert!(apart < 0.05, "{lane}: {stages} s in stages, {scans} s in scans, {workers:?}");
        }
        let cost = metrics.sum("scanflow_cost_measured_seconds_total", &[]);
        let took = metrics.sum("scanflow_stage_seconds_sum", &[]);
        assert!(0.0 < cost && cost < took, "{workers:?}: {cost} s of {took} s");
        let ended = |outcome| metrics.sum("scanflow_scans_total", &[("outcome", outcome)]) as u64;
        // What was lost after the commit is a duplicate when it is flushed again.
        assert_eq!(ended("done") + ended("duplicate"), 60, "{workers:?}");
        assert_eq!(ended("vanished"), 5, "{workers:?}");
        let returned = [("stage", "return")];
        assert_eq!(metrics.sum("scanflow_stage_seconds_count", &returned), 65.0, "{workers:?}");
        assert!(1.0 <= metrics.sum("scanflow_sink_failures_total", &[]), "{workers:?}");
        assert_eq!(metrics.sum("scanflow_sink_retrying", &[]), 0.0, "{workers:?}");
    }
}

#[test]
fn a_worker_that_stands_still_has_no_pulse_and_the_others_have() {
    let (checks, blocked) = Blocks::checks();
    let store = store::memory::Memory::new(fleet::zones(&mut Dice(1), 1));
    let mut job = job(store, sinks::memory::Memory::default(), vec![(0, FAST)], 1);
    job.checks = checks;
    // The others must not end the process while this test looks.
    job.config.heartbeat_timeout = Duration::from_secs(3_600);
    let telemetry = job.telemetry.clone();
    let clock = Clock::system();
    let ended = start(CommunicationConfig::Process(3), job);

    blocked.entered.recv_timeout(RUN_MAX).expect("the check is asked");
    let blocked_by = clock.now();
    // Within a second each of the others beats again.
    let since_blocked = || {
        let now = clock.now();
        let ages = telemetry.pulse().ages(now);
        ages.into_iter().partition::<Vec<_>, _>(|(_, age)| *age < now.since(blocked_by))
    };
    let wait_max = clock.now() + RUN_MAX;
    while since_blocked().0.len() < 2 {
        assert!(clock.now() < wait_max, "the others do not beat");
        std::thread::yield_now();
    }
    let (alive, standing) = since_blocked();
    assert_eq!((alive.len(), standing.len()), (2, 1));

    drop(blocked.gate);
    ended.recv_timeout(RUN_MAX).expect("the job ends");
    assert_eq!(telemetry.pulse().ages(clock.now()), [], "nobody is missed after the end");
}

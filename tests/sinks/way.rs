//! Which way a flush goes, on a real server.

use scanflow::clock::Clock;
use scanflow::model::{Outcome, Verdict};
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use scanflow::telemetry::Telemetry;
use scanflow_testing::Metrics;

use crate::{RUNTIME, finding, outcome, postgres};

const ASSETS: i64 = 20;

/// The same findings with the same evidence, ten of each asset.
fn found(sequence: u64, evidence: &str) -> Vec<Outcome> {
    let subjects: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let verdict = || Verdict::of(subjects.iter().map(|s| finding(s, evidence)).collect());
    let verdicts = || [(0, verdict()), (1, Verdict::of(vec![])), (2, Verdict::of(vec![]))];
    (1..=ASSETS).map(|asset| outcome(asset, 1, sequence, &verdicts())).collect()
}

#[test]
fn what_is_large_together_is_copied_unless_digests_are_expected_to_settle_it() {
    RUNTIME.block_on(async {
        let test = scanflow_testing::database().await;
        postgres::add_assets(&test.database, 1, ASSETS).await;
        let telemetry = Telemetry::default();
        let sink = Postgres::new(test.database.clone(), Clock::system());
        let sink = sink.measured_by(telemetry.sink()).copying_from(50);
        let flushes = [
            (found(1, "a"), "copy"),
            // Nobody knows yet that nothing changes.
            (found(2, "a"), "copy"),
            (found(3, "a"), "unnest"),
            // Nobody knows yet that all is different.
            (found(4, "b"), "unnest"),
            (found(5, "c"), "copy"),
        ];
        let count = |path| {
            let metrics = Metrics::read(&telemetry.render(Clock::system().now()));
            metrics.sum("scanflow_sink_flush_duration_seconds_count", &[("path", path)])
        };
        for (sequence, (outcomes, path)) in (1..).zip(flushes) {
            let before = count(path);
            let flushed = sink.flush(&outcomes).await.expect("a working server");
            assert_eq!(flushed, vec![Flushed::Done; outcomes.len()]);
            assert_eq!(count(path), before + 1.0, "flush {sequence}");
        }
        let metrics = Metrics::read(&telemetry.render(Clock::system().now()));
        assert_eq!(metrics.sum("scanflow_sink_rows_total", &[("action", "changed")]), 400.0);
    });
}

#[test]
fn what_is_large_alone_is_always_copied() {
    RUNTIME.block_on(async {
        let test = scanflow_testing::database().await;
        postgres::add_assets(&test.database, 1, ASSETS).await;
        let telemetry = Telemetry::default();
        let sink = Postgres::new(test.database.clone(), Clock::system());
        let sink = sink.measured_by(telemetry.sink()).copying_from(10);
        for sequence in 1..=3 {
            let flushed = sink.flush(&found(sequence, "a")).await.expect("a working server");
            assert_eq!(flushed, [Flushed::Done; ASSETS as usize]);
        }
        let metrics = Metrics::read(&telemetry.render(Clock::system().now()));
        let copied = [("path", "copy")];
        assert_eq!(metrics.sum("scanflow_sink_flush_duration_seconds_count", &copied), 3.0);
    });
}

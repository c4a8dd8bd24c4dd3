//! Where the time of small scans goes, beside what each stage is allowed (`docs/latency.md`).

use scanflow::clock::Clock;
use scanflow::telemetry::{Stage, Telemetry};
use scanflow_testing::Metrics;

use super::latencies::Latencies;
use crate::sink::bars::Bar;

/// Of the fast lane, in the mean, while the machine is at 30 % of what it can do: milliseconds. First
/// from due to emitted.
const EMITTED_ALLOWED_MS: f64 = 150.0;
const ALLOWED_MS: [(Stage, f64); Stage::ALL.len()] = [
    (Stage::LoadWait, 5.0),
    (Stage::Load, 20.0),
    (Stage::CheckWait, 5.0),
    (Stage::Check, 2.0),
    (Stage::WriteWait, 50.0),
    (Stage::Write, 30.0),
    (Stage::Return, 5.0),
];

/// What the stages used of what they are allowed. `emitted` is from due to emitted.
pub(super) fn bars(
    emitted: &Latencies,
    telemetry: &Telemetry,
    clock: &Clock,
    arm: &str,
) -> Vec<Bar> {
    let metrics = Metrics::read(&telemetry.render(clock.now()));
    let of_stage = |(stage, allowed_ms): &(Stage, f64)| {
        let labels = [("lane", "fast"), ("stage", stage.name())];
        let sum = |what| metrics.sum(&format!("scanflow_stage_seconds_{what}"), &labels);
        let used_ms = 1e3 * sum("sum") / sum("count");
        Bar::at_most(format!("{arm}: {}, ms", stage.name()), used_ms, *allowed_ms)
    };
    let what = format!("{arm}: due to emitted, ms");
    let emitted = Bar::at_most(what, emitted.mean_ms(), EMITTED_ALLOWED_MS);
    [emitted].into_iter().chain(ALLOWED_MS.iter().map(of_stage)).collect()
}

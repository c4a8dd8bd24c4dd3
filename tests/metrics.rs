//! The metrics keep the rules of Prometheus, and `docs/metrics.md` tells of all of them.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use scanflow::clock::{Clock, ManualClock};
use scanflow::model::{Lane, Origin, PerLane, Spent, Ticket, UnixTime};
use scanflow::schedule::{Backlog, LaneSplit, PlanProgress, Progress, Released};
use scanflow::telemetry::{Pulse, Stage, Telemetry};
use scanflow_testing::{Metrics, workspace};

const NOW: UnixTime = UnixTime::from_micros(1_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

/// None of them has a value for each asset, account or zone.
const LABELS: [&str; 14] = [
    "action", "cause", "from", "lane", "outcome", "path", "plan", "pool", "reason", "severity",
    "stage", "to", "version", "worker",
];

fn plan(name: &str, assets: u64) -> PlanProgress {
    let oldest = Some(UnixTime::from_micros(NOW.as_micros() - HOUR.as_micros() as u64));
    let (plan, cadence) = (name.to_owned(), 24 * HOUR);
    PlanProgress { plan, cadence, assets, never_scanned: 1, overdue: 2, oldest }
}

fn progress(plans: Vec<PlanProgress>) -> Progress {
    Progress {
        assets: plans.iter().map(|plan| plan.assets as usize).sum(),
        plans,
        backlog: Backlog::default(),
        out: PerLane { fast: 3, slow: 1 },
        returned: PerLane::default(),
        per_second_max: Some(1.2),
        throttle: 0.5,
        covered_in: Some(HOUR),
        is_paused: true,
        requests: 7,
        lanes: LaneSplit::default(),
    }
}

/// As of a job that runs: everything has a value.
fn running(plans: Vec<PlanProgress>) -> Telemetry {
    let telemetry = Telemetry::default();
    telemetry.follow(move || Some(progress(plans.clone())));
    let meters = Lane::ALL.map(|lane| telemetry.lane(lane, Clock::system()));
    drop(meters);
    telemetry.source().emitted(0, NOW);
    telemetry.database_answered(Some(Duration::from_millis(1)));
    telemetry.insights_are_open(&[]);
    telemetry
}

fn text(telemetry: &Telemetry) -> String {
    let _pulse = Pulse::of(telemetry.pulse(), 0, NOW);
    telemetry.render(NOW)
}

#[test]
fn the_metrics_keep_the_rules() {
    let text = text(&running(vec![plan("free", 5), plan("a \"quoted\\ name\n", 5)]));
    // What is between quotation marks is not read here; promtool reads it.
    let read = Metrics::read(&text.replace("\\\"", "'"));
    assert_eq!(read.problems(&LABELS), Vec::<String>::new());

    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        return;
    };
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let checked = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_page_tells_of_every_metric() {
    let metrics = Metrics::read(&text(&running(vec![plan("free", 5)])));
    let page = std::fs::read_to_string(workspace().join("docs/metrics.md")).expect("a page");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<&str>> =
        rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect();
    let named: BTreeSet<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(named, metrics.names());
    for row in rows {
        let [name, kind, labels, _meaning] = row[..] else { panic!("not four cells: {row:?}") };
        let (_, is_kind, has_labels) = metrics.family(name.trim_matches('`'));
        let labels = labels.split(", ").map(|label| label.trim_matches('`'));
        let labels: BTreeSet<&str> = labels.filter(|label| !label.is_empty()).collect();
        assert_eq!((kind, labels), (is_kind, has_labels), "{name}");
    }
}

#[test]
fn freshness_is_computed_when_it_is_asked_for() {
    let telemetry = running(vec![plan("free", 5)]);
    let age = |now| {
        let metrics = Metrics::read(&telemetry.render(now));
        metrics.sum("scanflow_oldest_scan_age_seconds", &[("plan", "free")])
    };
    assert_eq!([age(NOW), age(NOW + HOUR)], [3_600.0, 7_200.0], "nothing was scanned meanwhile");
}

#[test]
fn many_plans_are_few_series() {
    let plans = (1..=80).map(|number| plan(&format!("plan{number}"), number)).collect();
    let metrics = Metrics::read(&text(&running(plans)));
    let assets = |plan| metrics.sum("scanflow_assets", &[("plan", plan)]);
    assert_eq!(assets("plan80"), 80.0);
    assert_eq!(assets("_other"), (1..=30).map(f64::from).sum::<f64>(), "the smallest 30");
    assert_eq!(metrics.sum("scanflow_assets_overdue", &[("plan", "_other")]), 60.0);
}

#[test]
fn what_is_tried_again_counts_until_nobody_tries() {
    let telemetry = Telemetry::default();
    let meter = telemetry.lane(Lane::Fast, Clock::system());
    let count = |name| Metrics::read(&telemetry.render(NOW)).sum(name, &[("lane", "fast")]);
    let err = std::io::Error::other("away");
    let once = meter.flushes.failed(None, &err);
    let twice = meter.flushes.failed(Some(once), &err);
    assert_eq!(count("scanflow_sink_retrying"), 1.0, "one flush");
    assert_eq!(count("scanflow_sink_failures_total"), 2.0);
    drop(twice);
    assert_eq!(count("scanflow_sink_retrying"), 0.0);
}

#[test]
fn an_event_ages_from_stage_to_stage() {
    let telemetry = Telemetry::default();
    let meter = telemetry.lane(Lane::Fast, ManualClock::at(NOW).clock());
    let mut ticket = Ticket {
        number: 1,
        owner: 0,
        weight: 1,
        emitted_at: NOW,
        since: NOW,
        spent: Spent::default(),
        handed_over: None,
        origin: Origin::Agenda,
    };
    let second = Duration::from_secs(1);
    let Some((last, stages)) = Stage::ALL.split_last() else { panic!("stages") };
    for (number, stage) in (1..).zip(stages) {
        meter.lap(*stage, &mut ticket, NOW + second * number);
    }
    let released = Released {
        took: second * 7,
        predicted: second,
        measured: Some(second * 3),
        better_lane: Some(Lane::Slow),
    };
    telemetry.source().released(Lane::Fast, &ticket, &released, NOW + second * 7);
    let metrics = Metrics::read(&telemetry.render(NOW));
    for (number, stage) in (1..).zip(stages.iter().chain([last])) {
        let of = |name| metrics.sum(name, &[("lane", "fast"), ("stage", stage.name())]);
        assert_eq!(of("scanflow_event_age_seconds_sum"), f64::from(number), "{}", stage.name());
        assert_eq!(of("scanflow_stage_seconds_sum"), 1.0, "{}", stage.name());
    }
    let misrouted = [("from", "fast"), ("to", "slow")];
    assert_eq!(metrics.sum("scanflow_lane_misrouted_total", &misrouted), 1.0);
    let cost = |what| metrics.sum(&format!("scanflow_cost_{what}_seconds_total"), &[]);
    assert_eq!(["predicted", "measured", "error"].map(cost), [1.0, 3.0, 2.0]);
}

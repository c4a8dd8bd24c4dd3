//! Each source alone, from import to insights, against the sets that an independent judge expects.

use std::collections::BTreeSet;

use scanflow::checks;
use scanflow_testing::{Expected, Subject, assert_same, json_text, shared_data};
use serde_json::Value;

use crate::process::Place;

#[tokio::test]
async fn dotgov() {
    finds_exactly_what_is_expected("dotgov", 14_001 + 16_539).await;
}

#[tokio::test]
async fn dotgov_zone() {
    finds_exactly_what_is_expected("dotgov-zone", 2).await;
}

#[tokio::test]
async fn is_a_dev() {
    finds_exactly_what_is_expected("is-a-dev", 2).await;
}

#[tokio::test]
async fn is_a_dev_fleet() {
    finds_exactly_what_is_expected("is-a-dev-fleet", 9_173 + 9_867).await;
}

#[tokio::test]
async fn moj() {
    finds_exactly_what_is_expected("moj", 1 + 406).await;
}

#[tokio::test]
async fn hackclub() {
    finds_exactly_what_is_expected("hackclub", 1 + 18).await;
}

#[tokio::test]
async fn municipal() {
    finds_exactly_what_is_expected("municipal", 1_827 + 29_074).await;
}

async fn finds_exactly_what_is_expected(source: &str, assets: u64) {
    let Some(expected) = Expected::of(source) else { return };
    let folder = shared_data(source).expect("lies beside what is expected of it");
    let place = Place::importing(folder).await;
    let led = place.scan_once().await;
    assert_eq!(led.summary.stats.emitted, assets);
    assert_same("open", &place.open().await, &expected.fails);

    let shown = place.run(&["insights", "--state", "open", "--output", "json"]);
    let of_line = |line: &Value| {
        let subject = json_text(line, "subject");
        (json_text(line, "check"), json_text(&line["asset"], "id"), subject)
    };
    let shown: BTreeSet<Subject> = shown.json_lines().iter().map(of_line).collect();
    assert_same("shown", &shown, &expected.fails);

    let ever = place.insights("true").await;
    assert_same("ever opened", &ever, &expected.fails);
    let unknown: BTreeSet<_> = ever.intersection(&expected.unknown).cloned().collect();
    assert_same("unknown, yet open or resolved", &unknown, &BTreeSet::new());

    let absence = checks::ALL.iter().map(|check| check.about()).filter(|a| a.fires_on_absence);
    let absence: Vec<String> = absence.map(|about| format!("'{}'", about.id)).collect();
    assert_eq!(absence.len(), 3, "{absence:?}");
    let from_absence = format!("not z.records_complete and c.name in ({})", absence.join(", "));
    assert_same("of partial records", &place.insights(&from_absence).await, &BTreeSet::new());
}

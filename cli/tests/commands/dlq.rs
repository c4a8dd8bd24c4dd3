//! `scanflow dlq`: what could not be stored, looked at, applied again and dropped.

use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Judged, Outcome, Scan, ScanSequence, Severity,
    UnixTime, UnknownReason, Verdict,
};
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use serde_json::json;

use crate::insights::FLEET;
use crate::process::Place;

const REFUSE: &str = "alter table insights add constraint no_bad check (subject not like 'bad%')";
const ALLOW: &str = "alter table insights drop constraint no_bad";

async fn asset(place: &Place, id: &str) -> AssetId {
    let client = place.test.database.client().await.expect("a connection");
    let sql = "select id from zones where external_id = $1
               union all select id from accounts where external_id = $1";
    AssetId(client.query_one(sql, &[&id]).await.expect("one asset").get(0))
}

async fn outcome(place: &Place, id: &str, sequence: u64, subject: &str) -> Outcome {
    let fence = Fence { config_version: ConfigVersion(1), sequence: ScanSequence(sequence) };
    let scan = Scan {
        asset: asset(place, id).await,
        fence,
        scheduled_at: UnixTime::from_micros(1_700_000_000_000_000),
        duration: Duration::from_millis(7),
        records: 42,
        measured: None,
    };
    let finding = Finding::new(subject, Severity::High, json!({ "why": "\u{1b}[2J" }));
    let judged = |check, verdict| Judged { check: CheckId::new(check), version: 1, verdict };
    let failed = judged("spf.missing", Verdict::of(vec![finding]));
    let unknown = judged("dns.cname_coexists", Verdict::unknown(UnknownReason::Partial));
    Outcome::new(scan, vec![failed, unknown], false)
}

/// A fleet of which three outcomes were parked, each with its cause.
async fn with_letters() -> Place {
    let place = Place::filled(FLEET).await;
    let state = "insert into scan_state (asset_id) select id from zones union all
                 select id from accounts";
    place.change(&format!("{state}; {REFUSE}")).await;
    for (id, subject) in [("z-1", "bad\u{1b}[31m"), ("z-2", "bad two"), ("acc-2", "nul\0")] {
        assert_eq!(flush(&place, &outcome(&place, id, 1, subject).await).await, Flushed::Parked);
    }
    place
}

async fn flush(place: &Place, outcome: &Outcome) -> Flushed {
    let sink = Postgres::new(place.test.database.clone(), Clock::system());
    sink.flush(std::slice::from_ref(outcome)).await.expect("a flush")[0]
}

/// Ids of the listed ones.
fn listed(place: &Place, arguments: &[&str]) -> Vec<i64> {
    let ran = place.run(&[&["dlq", "list", "--output", "json"], arguments].concat());
    assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    ran.json_lines().iter().map(|line| line["id"].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn letters_are_listed_the_newest_first_and_filtered() {
    let place = with_letters().await;
    assert_eq!(listed(&place, &[]), [3, 2, 1]);
    for (arguments, expected) in [
        (&["--sqlstate", "23"][..], &[2, 1][..]),
        (&["--sqlstate", "2202", "--sqlstate", "23514"], &[3, 2, 1]),
        (&["--asset", "one.test"], &[1]),
        (&["--asset", "z-2", "--asset", "acc-2"], &[3, 2]),
        (&["--since", "1h"], &[3, 2, 1]),
        (&["--since", "2999-01-01"], &[]),
        (&["--limit", "1"], &[3]),
    ] {
        assert_eq!(listed(&place, arguments), expected, "{arguments:?}");
    }
    let table = place.run(&["dlq", "list"]);
    assert_eq!(table.stderr, "3 dead letters\n");
    let words = table.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("one.test acc-1 23514"), "{words}");
    assert!(!table.stdout.contains('\u{1b}'), "{}", table.stdout);
    let short = place.run(&["dlq", "list", "--limit", "2"]);
    assert_eq!(short.stderr, "3 dead letters; 1 not shown: --limit\n");

    let line = place.run(&["dlq", "list", "--output", "json", "--asset", "z-1"]).json_lines();
    let asset = json!({ "kind": "zone", "id": "z-1", "name": "one.test", "account": "acc-1", "source": "alpha" });
    assert_eq!((&line[0]["asset"], &line[0]["obsolete"]), (&asset, &json!(false)));
    let ran = place.run(&["dlq", "list", "--asset", "nobody"]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
}

#[tokio::test]
async fn one_is_shown_with_all_that_was_found_and_steers_no_terminal() {
    let place = with_letters().await;
    let ran = place.run(&["dlq", "show", "1"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    for expected in [
        "dead letter  1, put aside 20",
        "asset        zone z-1 (one.test, account acc-1, source alpha)",
        "cause        23514: ",
        "fence        config version 1, sequence 1\n",
        "to apply it  scanflow dlq replay 1\n",
        "scan         emitted 2023-11-14T22:13:20Z, 42 records, checked in 7 ms\n",
        "completed    spf.missing\n",
        "unknown      dns.cname_coexists (partial)\n",
        "findings     1\n",
        "bad\\u{1b}[31m",
    ] {
        assert!(ran.stdout.contains(expected), "{expected} is missing in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'));
    let object = place.run(&["dlq", "show", "1", "--output", "json"]).json_lines().remove(0);
    assert_eq!(object["outcome"]["v"], 2);
    assert_eq!(object["outcome"]["findings"][0]["subject"], "bad\u{1b}[31m");
    let ran = place.run(&["dlq", "show", "9"]);
    assert_eq!((ran.exit, ran.stderr.trim()), (2, "error: there is no dead letter 9"));

    // What an older version has parked is not complete, but there.
    place
        .change(r#"update dead_letters set payload = '{"v":1,"completed":[]}'::text::bytea where id = 2"#)
        .await;
    let ran = place.run(&["dlq", "show", "2"]);
    assert!(
        ran.stdout.contains("outcome      the stored outcome is of version 1"),
        "{}",
        ran.stdout
    );
    let ran = place.run(&["dlq", "replay", "2"]);
    assert_eq!(ran.exit, 1);
    assert!(ran.stdout.starts_with("2  the stored outcome is of version 1"), "{}", ran.stdout);
}

#[tokio::test]
async fn what_is_replayed_lands_and_what_cannot_stays_with_the_reason() {
    let place = with_letters().await;
    let ran = place.run(&["dlq", "replay", "1"]);
    assert_eq!(ran.exit, 1, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("1  refused, 23514: "), "{}", ran.stdout);
    place.change(ALLOW).await;
    // The second one's asset is scanned again meanwhile.
    assert_eq!(flush(&place, &outcome(&place, "z-2", 2, "newer").await).await, Flushed::Done);
    let ran = place.run(&["dlq", "replay", "--all"]);
    assert_eq!((ran.exit, ran.stderr.as_str()), (1, "1 applied, 1 obsolete, 1 failed\n"));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "1  applied");
    assert!(lines[1].starts_with("2  obsolete: "), "{lines:?}");
    assert!(lines[2].starts_with("3  refused, 22021: "), "{lines:?}");
    assert_eq!(listed(&place, &[]), [3, 2]);
    let open = place.run(&["insights", "--zone", "z-1", "--output", "json"]).json_lines();
    assert!(open.iter().any(|line| line["subject"] == "bad\u{1b}[31m"), "{open:?}");
    assert!(place.run(&["dlq", "show", "2"]).stdout.contains("\nobsolete     "));

    let ran = place.run(&["dlq", "drop", "--obsolete", "--yes"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "1 dead letter is dropped\n"));
    assert_eq!(listed(&place, &[]), [3]);
}

#[tokio::test]
async fn many_are_dropped_only_by_who_says_yes() {
    let place = with_letters().await;
    let ran = place.run(&["dlq", "drop", "--all"]);
    assert_eq!(ran.exit, 2);
    assert!(ran.stderr.contains("3 dead letters: `--yes` drops them"), "{}", ran.stderr);
    for arguments in [
        &["dlq", "drop"][..],
        &["dlq", "replay"],
        &["dlq", "drop", "1", "--all"],
        &["dlq", "drop", "8"],
    ] {
        assert_eq!(place.run(arguments).exit, 2, "{arguments:?}");
    }
    assert_eq!(listed(&place, &[]), [3, 2, 1]);
    let ran = place.run(&["dlq", "drop", "2"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "1 dead letter is dropped\n"));
    let ran = place.run(&["dlq", "drop", "--before", "1h", "--yes"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "0 dead letters are dropped\n"));
    let ran = place.run(&["dlq", "drop", "--all", "--yes"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "2 dead letters are dropped\n"));
    assert_eq!(listed(&place, &[]), [0; 0]);
}

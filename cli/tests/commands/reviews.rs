//! `scanflow baseline` and `scanflow insights classify`: what is left out of the list afterwards, who
//! said so, and how it is taken back.

use serde_json::{Value, json};

use crate::insights::FLEET;
use crate::process::{Place, run};

/// `check subject` of what is listed.
fn listed(place: &Place, arguments: &[&str]) -> Vec<String> {
    let ran = place.run(&[&["insights", "--output", "json"], arguments].concat());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let text = |line: &Value, key: &str| line[key].as_str().expect(key).to_owned();
    let lines = ran.json_lines();
    lines.iter().map(|line| format!("{} {}", text(line, "check"), text(line, "subject"))).collect()
}

/// The rows of a query that has one column of text.
async fn rows(place: &Place, sql: &str) -> Vec<String> {
    let client = place.test.database.client().await.expect("a connection");
    client.query(sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

const AUDIT: &str = "select concat_ws(' ', author, subject, coalesce(before, '-'),
        coalesce(after, '-'), note) from insight_review_events order by id";

/// Successful; the last line of stdout.
fn said(place: &Place, arguments: &[&str]) -> String {
    let ran = place.run(arguments);
    assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    ran.stdout.lines().last().expect("a line").to_owned()
}

#[tokio::test]
async fn after_a_baseline_only_what_is_new_is_listed() {
    let place = Place::filled(FLEET).await;
    let before = listed(&place, &[]);
    let dry = said(&place, &["baseline", "--dry-run"]);
    assert_eq!(dry, "dry run: 7 would become baseline, nothing was changed");
    assert_eq!(listed(&place, &[]), before);

    let ran = place.run(&["baseline", "--note", "day one", "--author", "ann@ops"]);
    let expected: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    assert_eq!(expected.last(), Some(&"7 insights are now baseline"), "{}", ran.stderr);
    let counts = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let start =
        "SEVERITY CHECK INSIGHTS critical account.mfa_not_enforced 1 high spf.missing 4 low";
    assert!(counts.starts_with(start), "{counts}");

    place
        .change(
            "insert into insights (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
             select id, 1, 'new', 3, '{}', now(), now() from zones where external_id = 'z-1'",
        )
        .await;
    assert_eq!(listed(&place, &[]), ["spf.missing new"]);
    let ran = place.run(&["insights", "--fail-on", "critical"]);
    assert_eq!(ran.exit, 0, "the critical one is reviewed");
    assert_eq!(ran.stderr, "1 open (1 high)\n7 reviewed ones are left out: --review any\n");
    assert_eq!(listed(&place, &["--review", "baseline"]).len(), 7);
    assert_eq!(listed(&place, &["--review", "any"]).len(), 8);
    assert_eq!(listed(&place, &["--state", "resolved"]).len(), 1);
    let any = place.run(&["insights", "--review", "any", "--fail-on", "critical"]);
    assert_eq!((any.exit, any.stderr.as_str()), (0, "1 open (1 high), 7 reviewed\n"));

    let status = place.run(&["status", "--output", "json"]).json_lines().remove(0);
    assert_eq!(status["insights_open"]["high"], 5);
    assert_eq!(status["insights_unreviewed"]["high"], 1);
    let reviewed = json!({ "baseline": 7, "accepted": 0, "false_positive": 0, "other": 0 });
    assert_eq!(status["insights_reviewed"], reviewed);
    let table = place.run(&["status"]).stdout;
    assert!(table.contains("open insights   0 critical, 1 high, 0 medium"), "{table}");
    assert!(table.contains("open, reviewed  7 baseline\n"), "{table}");

    assert_eq!(said(&place, &["baseline"]), "1 insight is now baseline");
    assert_eq!(
        said(&place, &["baseline", "--dry-run"]),
        "no insight is to become baseline: nothing was changed"
    );
    assert_eq!(said(&place, &["baseline", "--undo"]), "8 insights are now not reviewed");
    assert_eq!(listed(&place, &[]).len(), 8);
    assert_eq!(rows(&place, AUDIT).await.len(), 16);
}

#[tokio::test]
async fn patterns_choose_what_is_classified() {
    let place = Place::filled(FLEET).await;
    let dry = |arguments: &[&str]| {
        let start = ["insights", "classify", "--check", "spf.missing", "--other", "--note", "n"];
        let line = said(&place, &[&start[..], &["--dry-run"], arguments].concat());
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    let cases: [(&[&str], u32); 15] = [
        (&[], 4),
        (&["--account", "acc-?"], 4),
        (&["--account", "acc"], 0),
        (&["--account", "Se*"], 2),
        (&["--account", "acc-1", "--account", "Ninth"], 2),
        (&["--zone", "TWIN.*."], 3),
        (&["--zone", "z-2"], 2),
        (&["--zone", "twin.test", "--account", "acc-9"], 1),
        (&["--subject", "*.test"], 3),
        (&["--subject", "%"], 0),
        (&["--subject", "t_in.test"], 0),
        (&["--subject", "=HYPERLINK*"], 1),
        (&["--severity", "high"], 4),
        (&["--severity", "medium"], 0),
        (&["--check", "account.mfa_not_enforced"], 5),
    ];
    for (arguments, expected) in cases {
        assert_eq!(dry(arguments), expected, "{arguments:?}");
    }
    place.change("update insights set subject = '*.one.test' where subject = 'one.test'").await;
    assert_eq!([dry(&["--subject", r"\**"]), dry(&["--subject", "*"])], [1, 4]);
    assert!(rows(&place, AUDIT).await.is_empty(), "a dry run writes nothing");
}

/// Of SPF in one zone.
fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let classify = ["insights", "classify", "--check", "spf.missing", "--zone", "z-1"];
    [&classify[..], arguments].concat()
}

#[tokio::test]
async fn every_change_names_its_author_and_can_be_taken_back() {
    let place = Place::filled(FLEET).await;
    let accept = with(&["--accept", "--until", "2999-01-01", "--note", "later", "--author", "ann"]);
    assert_eq!(said(&place, &accept), "1 insight is now accepted until 2999-01-01T00:00:00Z");
    assert!(said(&place, &accept).starts_with("no insight is to become accepted"), "just so");
    let mut command = place.command(&with(&["--false-positive", "--note", "no mail"]));
    command.env("SCANFLOW_AUTHOR", "bob");
    let ran = run(command);
    assert_eq!((ran.exit, ran.stdout.lines().last()), (0, Some("1 insight is now false positive")));
    assert_eq!(listed(&place, &["--review", "false-positive"]), ["spf.missing one.test"]);
    assert_eq!(said(&place, &["baseline", "--author", "eve"]), "6 insights are now baseline");

    // What is resolved keeps its review, until it is taken back.
    place.change("update insights set resolved_at = now() where subject = 'one.test'").await;
    assert_eq!(listed(&place, &["--review", "false-positive"]), [""; 0]);
    place.change("update insights set resolved_at = null where subject = 'one.test'").await;
    assert_eq!(listed(&place, &[]), [""; 0]);
    place.change("update insights set resolved_at = now() where subject = 'one.test'").await;
    let undone = said(&place, &with(&["--undo", "--author", "ann", "--note", "back"]));
    assert_eq!(undone, "1 insight is now not reviewed");

    let audit = rows(&place, AUDIT).await;
    assert_eq!(
        [&audit[0], &audit[1], &audit[8]],
        [
            "ann one.test - accepted later",
            "bob one.test accepted false_positive no mail",
            "ann one.test false_positive - back"
        ]
    );
    assert!(
        audit[2..8].iter().all(|line| line.starts_with("eve ") && line.ends_with(" - baseline"))
    );
    let own = said(&place, &["baseline", "--undo"]);
    assert_eq!(own, "6 insights are now not reviewed");
    let host =
        rows(&place, "select distinct author from insight_review_events where after is null").await;
    assert!(host.iter().any(|author| author.contains('@')), "{host:?}");
}

#[tokio::test]
async fn an_acceptance_that_is_over_counts_as_none() {
    let place = Place::filled(FLEET).await;
    let accept =
        "insights classify --check spf.missing --zone one.test --accept --until 90d --note";
    let accept: Vec<&str> = accept.split(' ').chain(["for the quarter"]).collect();
    said(&place, &accept);
    assert_eq!(listed(&place, &["--zone", "z-1"]), [""; 0]);
    place.change("update insight_reviews set until = now() - interval '1 second'").await;
    assert_eq!(listed(&place, &["--zone", "z-1"]), ["spf.missing one.test"]);
    assert_eq!(listed(&place, &["--review", "accepted"]), [""; 0]);
    assert_eq!(place.run(&["insights", "--zone", "z-1", "--fail-on", "high"]).exit, 3);
    let line = place.run(&["insights", "--zone", "z-1", "--output", "json"]).json_lines().remove(0);
    assert_eq!(line["review"]["expired"], true);
    assert_eq!(
        said(&place, &["baseline", "--dry-run"]),
        "dry run: 7 would become baseline, nothing was changed"
    );
}

#[tokio::test]
async fn a_review_is_shown_in_every_form() {
    let place = Place::filled(FLEET).await;
    let start = "insights classify --check spf.missing --zone one.test --accept --until 2999-01-01";
    let arguments: Vec<&str> =
        start.split(' ').chain(["--author", "=ann", "--note", "\u{1b}[2J"]).collect();
    said(&place, &arguments);
    let shown = ["--review", "accepted"];
    let table = place.run(&[&["insights"], &shown[..]].concat()).stdout;
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("SINCE REVIEW high spf.missing one.test"), "{words}");
    assert!(words.contains("accepted until 2999-01-01T00:00:00Z, =ann: \\u{1b}[2J"), "{words}");

    let ran = place.run(&[&["insights", "--output", "json"], &shown[..]].concat());
    let line = &ran.json_lines()[0];
    crate::insights::assert_fits_schema(line);
    let review = &line["review"];
    assert_eq!(review["classification"], "accepted");
    assert_eq!(review["until"], "2999-01-01T00:00:00.000000Z");
    assert_eq!((&review["expired"], &review["author"]), (&json!(false), &json!("=ann")));

    let ran = place.run(&[&["insights", "--output", "csv"], &shown[..]].concat());
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let record = reader.records().next().expect("a line").expect("a record");
    let field = |name: &str| &record[header.iter().position(|own| own == name).expect(name)];
    assert_eq!(
        ["review", "review_expired", "review_author"].map(field),
        ["accepted", "false", "'=ann"]
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let place = Place::filled(FLEET).await;
    for (arguments, expected) in [
        (&["--check", "spf.missing", "--accept"][..], "--note is missing"),
        (&["--check", "spf.missing", "--false-positive", "--note", " "], "--note is empty"),
        (
            &["--check", "spf.missing", "--other", "--note", "n", "--author", ""],
            "--author is empty",
        ),
        (&["--check", "spf.missing", "--note", "n"], "required"),
        (&["--check", "spf.missing", "--accept", "--undo", "--note", "n"], "cannot be used with"),
        (
            &["--check", "spf.missing", "--other", "--until", "90d", "--note", "n"],
            "cannot be used with",
        ),
        (&["--accept", "--note", "n"], "--check"),
        (&["--check", "spf.mising", "--accept", "--note", "n"], "there is spf.missing"),
        (
            &["--check", "spf.missing", "--accept", "--note", "n", "--until", "2020-01-01"],
            "--until: `2020-01-01` is past",
        ),
    ] {
        let ran = place.run(&[&["insights", "classify"], arguments].concat());
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
    let ran = place.run(&["insights", "--check", "spf.missing", "classify", "--undo"]);
    assert_eq!(ran.exit, 2, "a filter of the list chooses nothing here: {}", ran.stdout);
    assert!(rows(&place, AUDIT).await.is_empty());
}

//! `scanflow generate`.

use std::collections::BTreeSet;

use scanflow_testing::{Expected, Subject, assert_same, json_text};
use serde_json::Value;

use crate::process::{Place, run, scanflow};

#[tokio::test]
async fn a_fleet_is_written_imported_and_scanned_and_its_truth_is_found() {
    let place = Place::of(scanflow_testing::database().await);
    let flags = ["--zones", "600", "--seed", "5", "--giant", "4000"];
    let ran = place.run(&[&["generate", "--out", "fleet"], &flags[..]].concat());
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let mut lines = ran.stdout.lines();
    let first = lines.next().expect("a line");
    assert!(first.contains(" accounts, 600 zones, ") && first.contains("in fleet; "), "{first}");
    let planted: Vec<&str> = lines.map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert!(planted.starts_with(&["planted", "account.mfa_not_enforced"]), "{planted:?}");

    let ran = place.run(&["import", "fleet", "--source", "generated"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let note = "skipped fleet/expected.jsonl.zst: what a scan must find, no inventory\n";
    assert_eq!(ran.stderr, note);
    let ran = place.run(&[&["generate", "--import"], &flags[..]].concat());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains(": 0 changed, "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .lines()
            .skip(1)
            .map(|l| l.split(' ').next())
            .eq(planted.iter().map(|p| Some(*p)))
    );

    let ran = place.run(&["run", "--once", "-q"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let expected = Expected::read(&place.folder.path().join("fleet/expected.jsonl.zst"));
    let ran = place.run(&["insights", "--state", "open", "--output", "json"]);
    let of_line = |line: &Value| {
        let subject = json_text(line, "subject");
        (json_text(line, "check"), json_text(&line["asset"], "id"), subject)
    };
    let open: BTreeSet<Subject> = ran.json_lines().iter().map(of_line).collect();
    assert_same("open", &open, &expected.fails);
}

#[test]
fn flags_that_make_no_fleet_end_with_2_and_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine"), "x").expect("a file");
    for (flags, said) in [
        (&["--out", "x"][..], "--zones"),
        (&["--zones", "9"], "--out"),
        (&["--zones", "9", "--out", "x", "--import"], "cannot be used with"),
        (&["--zones", "0", "--out", "x"], "zones is 0: from 1"),
        (&["--zones", "9", "--out", "x", "--proxied", "2"], "proxied is 2: it is a share"),
        (&["--zones", "9", "--out", "x", "--giant", "0"], "giant is 0: from 1"),
        (&["--zones", "9", "--out", "."], "holds something already"),
        (&["--zones", "9", "--out", "mine"], "mine is not a folder"),
    ] {
        let ran = run(scanflow(folder.path(), &[&["generate"], flags].concat()));
        assert_eq!(ran.exit, 2, "{flags:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{flags:?}: {}", ran.stderr);
    }
    let left: Vec<_> = folder.path().read_dir().expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn help_states_the_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(scanflow(folder.path(), &["generate", "--help"]));
    assert_eq!(ran.exit, 0);
    for default in ["1", "9", "0.9", "0.4", "0.2", "0"] {
        let shown = format!("[default: {default}]");
        assert!(ran.stdout.contains(&shown), "{shown} in {}", ran.stdout);
    }
}

//! The demo, as somebody sees it who starts it on a machine without anything.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use scanflow_testing::{Expected, Metrics, Subject, assert_same, json_text, request, shared_data};
use tempfile::TempDir;

use crate::process::{Place, Ran, run, scanflow};
use crate::running::Running;

/// A folder that the user of Postgres can reach.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
    folder
}

/// A demo in the folder `state`.
pub(crate) fn demo(folder: &TempDir, flags: &[&str]) -> Command {
    scanflow(folder.path(), &[&["demo", "--state-dir", "state"], flags].concat())
}

fn demo_of(folder: &TempDir, fleet: &Path, more: &[&str]) -> Command {
    let fleet = fleet.to_str().expect("UTF-8");
    demo(folder, &[&["--fleet", fleet], more].concat())
}

/// The insights in the database that the demo has left.
fn insights(folder: &TempDir, state: &str) -> BTreeSet<Subject> {
    let arguments = ["insights", "--output", "json", "--state-dir", "state/demo", "--state", state];
    let ran = run(scanflow(folder.path(), &arguments));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let subject = |line: &serde_json::Value| {
        let asset = json_text(&line["asset"], "id");
        (json_text(line, "check"), asset, json_text(line, "subject"))
    };
    ran.json_lines().iter().map(subject).collect()
}

/// What the summary says there.
fn row(stdout: &str, name: &str) -> String {
    let row = stdout.lines().find_map(|line| line.strip_prefix(name));
    row.unwrap_or_else(|| panic!("no row {name}: {stdout}")).to_owned()
}

/// The whole numbers in a text.
fn numbers(text: &str) -> Vec<usize> {
    text.split([' ', ',']).filter_map(|word| word.parse().ok()).collect()
}

#[tokio::test]
async fn a_demo_finds_what_is_expected_and_touches_no_other_database() {
    let Some(expected) = Expected::of("moj") else { return };
    let fleet = shared_data("moj").expect("lies beside what is expected of it");
    let configured = Place::filled("").await;
    let folder = folder();
    for round in 0..2 {
        let mut command = demo_of(&folder, &fleet, &["--once"]);
        command.env("SCANFLOW_DATABASE__URL", &configured.test.url);
        command.env("SCANFLOW_ADMIN__LISTEN", "off");
        let Ran { exit, stdout, stderr } = run(command);
        assert_eq!((exit, stderr.as_str()), (0, ""), "round {round}: {stdout}");
        for (text, what) in [
            (" s  starting a Postgres of its own\n", "lines"),
            ("imported            1 accounts, 406 zones, 6549 records\n", "the fleet"),
            ("scans               407\n", "scans"),
            ("first insight       ", "the time to the first insight"),
            ("--state-dir state/demo insights --severity high\n", "what to type next"),
            ("--state-dir state import PATH\n", "a fleet of one's own"),
        ] {
            assert!(stdout.contains(text), "{what}, round {round}:\n{stdout}");
        }
        assert!(!stdout.contains("not yet"), "{stdout}");
        assert_same("open", &insights(&folder, "open"), &expected.fails);
        assert_same("resolved", &insights(&folder, "resolved"), &BTreeSet::new());
    }
    assert_eq!(configured.count("from sources").await, 0);
}

#[test]
fn a_generated_fleet_is_covered_and_the_summary_says_what_the_database_holds() {
    let folder = folder();
    let flags = ["--zones", "500", "--seed", "7"];
    let ran = run(scanflow(folder.path(), &[&["generate", "--out", "fleet"], &flags[..]].concat()));
    let accounts = numbers(&ran.stdout)[0];
    let expected = Expected::read(&folder.path().join("fleet/expected.jsonl.zst"));

    let Ran { exit, stdout, stderr } = run(demo(&folder, &[&flags[..], &["--once"]].concat()));
    assert_eq!(exit, 0, "{stderr}{stdout}");
    assert!(stderr.starts_with("admin: http://127.0.0.1:"), "{stderr}");
    assert_eq!(row(&stdout, "fleet ").trim(), "a generated fleet of 500 zones, seed 7");
    assert_eq!(numbers(&row(&stdout, "imported "))[..2], [accounts, 500], "{stdout}");
    assert_eq!(numbers(&row(&stdout, "scans ")), [accounts + 500], "{stdout}");
    assert!(row(&stdout, "everything covered ").ends_with(" s after the start"), "{stdout}");
    assert_same("open", &insights(&folder, "open"), &expected.fails);
    let open: usize = numbers(&row(&stdout, "open insights ")).iter().sum();
    assert_eq!(open, expected.fails.len(), "{stdout}");
}

#[tokio::test]
async fn what_a_demo_breaks_is_found_repaired_and_resolved_until_sigterm() {
    let Some(expected) = Expected::of("moj") else { return };
    let fleet = shared_data("moj").expect("lies beside what is expected of it");
    let folder = folder();
    let mut running = Running::start(demo_of(&folder, &fleet, &["--time-scale", "86400"]));
    let line = running.says("admin: http://").await;
    let (_, address) = line.split_once("http://").expect("an address");
    let resolved = |line: &str| {
        let (_, rest) = line.split_once("insights opened ")?;
        let (_, count) = rest.split_once(", resolved ")?;
        count.split(',').next()?.parse::<u64>().ok()
    };
    let is_enough = move |line: &str| resolved(line).is_some_and(|count| 3 <= count);
    running.prints("three resolved insights", is_enough).await;
    for probe in ["/livez", "/readyz"] {
        let (status, body) = request(address, "GET", probe).await;
        assert_eq!(status, 200, "{probe}: {body}");
    }
    let metrics = Metrics::read(&request(address, "GET", "/metrics").await.1);
    assert_eq!(metrics.sum("scanflow_assets", &[]), 407.0);
    assert!(407.0 < metrics.sum("scanflow_scans_total", &[("outcome", "done")]), "of both passes");

    // Somebody else may look, but not work there.
    let second = run(demo_of(&folder, &fleet, &["--once"]));
    assert_eq!(second.exit, 75, "{}", second.stderr);

    running.signal("TERM");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("keeping fresh (x86400, a week in 7 s): "), "{}", ended.stdout);
    let [opened, resolved] = numbers(&row(&ended.stdout, "meanwhile "))[..] else {
        panic!("two figures: {}", ended.stdout)
    };
    assert!(3 <= resolved, "{}", ended.stdout);
    let open = insights(&folder, "open");
    let open_in_summary: usize = numbers(&row(&ended.stdout, "open insights ")).iter().sum();
    assert_eq!(open_in_summary, open.len(), "{}", ended.stdout);
    assert_eq!(expected.fails.len() + opened - resolved, open.len(), "{}", ended.stdout);
    let came_and_went: BTreeSet<Subject> =
        insights(&folder, "resolved").difference(&expected.fails).cloned().collect();
    assert!(!came_and_went.is_empty(), "{}", ended.stdout);
}

#[test]
fn a_demo_refuses_what_is_not_its_own() {
    let folder = folder();
    let flags = |more: &[&str]| run(demo_of(&folder, folder.path(), more));
    let ran = flags(&["--database-url", "postgres://scanflow@127.0.0.1:1/fleet"]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("--database-url"), "{}", ran.stderr);
    for (wrong, said) in [
        (&["--time-scale", "0"][..], "must be a number from 1 to 86400"),
        (&["--time-scale", "x"], "must be a number from 1 to 86400"),
        (&["--zones", "5"], "'--fleet <DIR>' cannot be used with '--zones <N>'"),
        (&["--due"], "unexpected argument '--due'"),
    ] {
        let ran = flags(wrong);
        assert!(ran.exit == 2 && ran.stderr.contains(said), "{wrong:?}: {}", ran.stderr);
    }
    let left: Vec<_> = folder.path().read_dir().expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");

    fs::create_dir_all(folder.path().join("state/demo/postgres")).expect("a folder");
    let ran = flags(&[]);
    assert_eq!(ran.exit, 78, "{}", ran.stderr);
    assert!(ran.stderr.contains("was not made by a demo"), "{}", ran.stderr);
}

#[test]
fn a_fleet_that_is_not_there_ends_with_2_and_an_empty_one_with_65() {
    let folder = folder();
    let ran = run(demo(&folder, &["--zones", "0"]));
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("zones is 0: from 1 to "), "{}", ran.stderr);
    let ran = run(demo_of(&folder, &folder.path().join("nowhere"), &["--once", "-q"]));
    assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    let fleet = folder.path().join("fleet");
    fs::create_dir(&fleet).expect("a folder");
    let ran = run(demo_of(&folder, &fleet, &["--once", "-q"]));
    assert_eq!((ran.exit, ran.stdout.as_str()), (65, ""), "{}", ran.stderr);
}

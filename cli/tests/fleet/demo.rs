//! The demo, as somebody sees it who starts it on a machine without anything.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use scanflow_testing::{Expected, Subject, assert_same, json_text, shared_data};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::process::{Place, Ran, run, scanflow};
use crate::running::{Running, WAIT_MAX};

/// A folder that the user of Postgres can reach.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
    folder
}

/// A demo of a fleet in the folder `state`.
fn demo(folder: &TempDir, fleet: &Path, more: &[&str]) -> Command {
    let fleet = fleet.to_str().expect("UTF-8");
    let arguments = [&["demo", "--state-dir", "state", "--fleet", fleet], more].concat();
    scanflow(folder.path(), &arguments)
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

#[tokio::test]
async fn a_demo_finds_what_is_expected_and_touches_no_other_database() {
    let Some(expected) = Expected::of("moj") else { return };
    let fleet = shared_data("moj").expect("lies beside what is expected of it");
    let configured = Place::filled("").await;
    let folder = folder();
    for round in 0..2 {
        let mut command = demo(&folder, &fleet, &["--once"]);
        command.env("SCANFLOW_DATABASE__URL", &configured.test.url);
        let Ran { exit, stdout, stderr } = run(command);
        assert_eq!((exit, stderr.as_str()), (0, ""), "round {round}: {stdout}");
        for (text, what) in [
            (" s  starting a Postgres of its own\n", "lines"),
            ("fleet               1 accounts, 406 zones, 6549 records\n", "the fleet"),
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

#[tokio::test]
async fn what_a_demo_breaks_is_found_repaired_and_resolved_until_sigterm() {
    let Some(expected) = Expected::of("moj") else { return };
    let fleet = shared_data("moj").expect("lies beside what is expected of it");
    let folder = folder();
    let mut running = Running::start(demo(&folder, &fleet, &["--time-scale", "86400"]));
    let resolved = |line: &str| {
        let (_, rest) = line.split_once("insights opened ")?;
        let (_, count) = rest.split_once(", resolved ")?;
        count.split(',').next()?.parse::<u64>().ok()
    };
    let is_enough = move |line: &str| resolved(line).is_some_and(|count| 3 <= count);
    running.prints("three resolved insights", is_enough).await;

    // Somebody else may look, but not work there.
    let second = run(demo(&folder, &fleet, &["--once"]));
    assert_eq!(second.exit, 75, "{}", second.stderr);

    running.signal("TERM");
    let ended = running.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("keeping fresh (x86400, a week in 7 s): "), "{}", ended.stdout);
    assert!(ended.stdout.contains("\nmeanwhile  "), "{}", ended.stdout);
    let came_and_went: BTreeSet<Subject> =
        insights(&folder, "resolved").difference(&expected.fails).cloned().collect();
    assert!(!came_and_went.is_empty(), "{}", ended.stdout);
}

#[test]
fn a_demo_refuses_what_is_not_its_own() {
    let folder = folder();
    let flags = |more: &[&str]| run(demo(&folder, folder.path(), more));
    let ran = flags(&["--database-url", "postgres://scanflow@127.0.0.1:1/fleet"]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("--database-url"), "{}", ran.stderr);
    for wrong in [&["--time-scale", "0"][..], &["--time-scale", "x"], &["--zones", "5"], &["--due"]]
    {
        assert_eq!(flags(wrong).exit, 2, "{wrong:?}");
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
    let ran = run(demo(&folder, &folder.path().join("nowhere"), &["--once", "-q"]));
    assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    let fleet = folder.path().join("fleet");
    fs::create_dir(&fleet).expect("a folder");
    let ran = run(demo(&folder, &fleet, &["--once", "-q"]));
    assert_eq!((ran.exit, ran.stdout.as_str()), (65, ""), "{}", ran.stderr);
}

/// Where a program takes the other screen of the terminal, and gives it back.
const TAKEN: &str = "\u{1b}[?1049h";
const GIVEN_BACK: &str = "\u{1b}[?1049l";

#[tokio::test]
async fn on_a_terminal_q_leaves_and_the_screen_is_given_back() {
    let Some(fleet) = shared_data("hackclub") else { return };
    let folder = folder();
    let demo = demo(&folder, &fleet, &[]);
    let words = std::iter::once(demo.get_program()).chain(demo.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().expect("UTF-8")).collect();
    let mut command = tokio::process::Command::new("script");
    command.args(["-q", "-e", "-f", "-c"]);
    command.arg(format!("stty rows 24 cols 80 && exec {}", words.join(" "))).arg("/dev/null");
    command.current_dir(folder.path()).env("TERM", "xterm").env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var_os("CI").is_none(), "the program script is missing");
        eprintln!("SKIPPED: the program script is missing");
        return;
    };
    let (mut keys, mut screen) = (child.stdin.take().expect("a pipe"), Vec::new());
    let mut pipe = child.stdout.take().expect("a pipe");
    let mut is_asked = false;
    let shown = tokio::time::timeout(WAIT_MAX, async {
        while pipe.read_buf(&mut screen).await.expect("a pipe") != 0 {
            let text = String::from_utf8_lossy(&screen);
            // Something was scanned.
            if !is_asked && text.contains(TAKEN) && text.contains("covered") {
                keys.write_all(b"q").await.expect("a terminal that reads");
                is_asked = true;
            }
        }
    });
    let text = |screen: &[u8]| String::from_utf8_lossy(screen).into_owned();
    assert!(shown.await.is_ok(), "it goes on: {}", text(&screen));
    let status = child.wait().await.expect("a status");
    let screen = text(&screen);
    assert!(status.success() && is_asked, "{status}: {screen}");
    let (_, after) = screen.split_once(GIVEN_BACK).expect("the screen is given back");
    assert!(after.contains("18 zones") && after.contains("What to type next:"), "{after}");
    assert!(!after.contains(TAKEN), "{after}");
}

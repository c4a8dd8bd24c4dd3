//! `scanflow simulate`, every scenario at a small size.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run printed, and how it ended.
struct Ran {
    exit: i32,
    stdout: String,
    stderr: String,
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scanflow"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SCANFLOW_") {
            command.env_remove(name);
        }
    }
    command.arg("simulate").args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.output().expect("it starts");
    Ran {
        exit: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn simulated(scenario: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = vec![scenario, "--json"];
    all.extend(arguments);
    let ran = run(folder.path(), &all);
    assert_eq!(ran.exit, 0, "{scenario}: {}", ran.stderr);
    let object: Value = serde_json::from_str(&ran.stdout).expect("one JSON object");
    assert_eq!(object["bench"], "simulate");
    assert_eq!(object["scenario"], scenario);
    for key in ["assets", "virtual_days", "wall_s", "rss_mb", "peak_over_mean", "late"] {
        assert!(object[key].is_number(), "{scenario} has no {key}");
    }
    assert!(object["oldest_over_cadence"].is_number());
    object
}

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("no {key} in {object}"))
}

const SMALL: [&str; 2] = ["--assets", "20000"];

fn outside_for(object: &Value, plan: &str) -> Option<u64> {
    let plans = object["plans"].as_array().expect("plans");
    let found = plans.iter().find(|found| found["plan"] == plan).expect("the plan");
    found["outside_for_s"].as_u64()
}

#[test]
fn a_steady_week_is_even_and_in_time() {
    let week = simulated("steady", &["--assets", "200000"]);
    assert_eq!((week["virtual_days"].as_u64(), week["late"].as_u64()), (Some(7), Some(0)));
    assert!(number(&week, "oldest_over_cadence") < 1.0, "{week}");
    // A minute has 23 scans: two more of them are 9 percent.
    assert!(number(&week, "peak_over_mean") < 1.15, "{week}");
}

#[test]
fn nobody_of_a_herd_is_late() {
    let herd = simulated("herd", &SMALL);
    assert_eq!(herd["late"], 0, "{herd}");
    assert!(1_000.0 < number(&herd, "old_peak_over_mean"), "{herd}");
}

#[test]
fn after_a_change_of_cadence_nobody_is_late_and_all_are_inside_after_one_period() {
    let cadence = simulated("cadence", &SMALL);
    assert_eq!(cadence["late"], 0, "{cadence}");
    let outside_for = outside_for(&cadence, "free").expect("some were older than the new one");
    assert!(outside_for <= 7 * 86_400, "{outside_for} s");
}

#[test]
fn newcomers_and_a_giant_account_delay_nobody() {
    let newcomers = simulated("newcomers", &SMALL);
    assert_eq!((newcomers["late"].as_u64(), newcomers["assets"].as_u64()), (Some(0), Some(20_333)));
    let giant = simulated("giant", &["--assets", "200000"]);
    assert_eq!(giant["late_others"], 0, "{giant}");
    assert_eq!(giant["assets"], 200_666);
}

#[test]
fn slow_sinks_and_clock_steps_make_nobody_late() {
    let slow = simulated("slow_sinks", &["--assets", "200000"]);
    assert_eq!((slow["late"].as_u64(), number(&slow, "throttle_min")), (Some(0), 0.0625), "{slow}");
    let throttled_s = slow["throttled_s"].as_u64().expect("a number");
    assert!((600..3_600 + 60).contains(&throttled_s), "it falls and recovers in seconds: {slow}");
    assert_eq!(simulated("clock_steps", &SMALL)["late"], 0);
}

#[test]
fn after_six_hours_down_all_are_inside_again_within_30_hours_and_enterprise_first() {
    let down = simulated("down", &["--assets", "200000"]);
    let [enterprise, free] = ["enterprise", "free"].map(|plan| outside_for(&down, plan));
    let enterprise = enterprise.expect("six hours are more than its margin");
    assert!(enterprise < 30 * 3_600, "{down}");
    assert!(enterprise <= free.unwrap_or(30 * 3_600) && free < Some(30 * 3_600), "{down}");
}

#[test]
fn the_story_has_half_of_its_fleet_due_in_a_minute() {
    let story = simulated("story", &SMALL);
    assert!(500.0 < number(&story, "peak_over_mean"), "{story}");
    assert_eq!(story["plans"].as_array().map(Vec::len), Some(0), "it knows of no plans");
}

#[test]
fn a_table_and_a_picture_with_both_curves_of_a_scenario_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.toml"), "about = \"mine\"\ndays = 2\n")
        .expect("a writable folder");
    let ran = run(folder.path(), &["mine.toml", "--assets", "5000", "--plot", "mine.svg"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("mine: mine\n5000 assets, 2 days"), "{}", ran.stdout);
    let picture = std::fs::read_to_string(folder.path().join("mine.svg")).expect("the picture");
    assert!(picture.contains("the old scheduler") && picture.contains("scanflow"));
    assert!(picture.contains("#CA6F1E") && picture.contains("#154360"), "two curves");
}

#[test]
fn what_is_wrong_is_told_with_file_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = run(folder.path(), &["nothing"]);
    assert_eq!(missing.exit, 2);
    assert!(missing.stderr.contains("slow_sinks"), "{}", missing.stderr);
    std::fs::write(folder.path().join("mine.toml"), "about = \"mine\"\ndays = 0\n")
        .expect("a writable folder");
    let wrong = run(folder.path(), &["mine.toml"]);
    assert_eq!(wrong.exit, 65);
    assert!(wrong.stderr.contains("mine.toml: days must be at least 1"), "{}", wrong.stderr);
    assert_eq!(run(folder.path(), &["steady", "--assets", "0"]).exit, 2);
}

//! Which setting wins, and how a wrong one is told.

use std::path::Path;

use crate::process::{Place, Ran, run, scanflow};

/// The settings in force.
fn shown(ran: &Ran) -> toml::Table {
    let end = ran.stdout.find("configuration: ok").unwrap_or_else(|| panic!("{ran:?}"));
    ran.stdout[..end].parse().expect("TOML")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

#[tokio::test]
async fn flags_win_over_variables_over_the_file_over_defaults() {
    let place = Place::filled("").await;
    let folder = place.folder.path();
    write(
        folder,
        "scanflow.toml",
        "[database]\nurl = \"host=/nowhere\"\n[run]\nworkers = 3\n[lanes.slow]\ncredits = 7",
    );
    write(folder, "other.toml", "[run]\nworkers = 5");

    let mut command = place.command(&["validate", "--show-config"]);
    command.env("SCANFLOW_CADENCE__GOLD", "1h").env("SCANFLOW_LANES__SLOW__CREDITS", "8");
    let ran = run(command);
    assert_eq!(ran.exit, 0, "the variable names the right database: {}", ran.stderr);
    let table = shown(&ran);
    assert_eq!(table["run"]["workers"].as_integer(), Some(3));
    assert_eq!(table["lanes"]["slow"]["credits"].as_integer(), Some(8));
    assert_eq!(table["cadence"]["gold"].as_str(), Some("1h"));
    assert_eq!(table["schedule"]["rate"].as_str(), Some("auto"));
    assert_eq!(table["database"]["url"].as_str(), Some("********"));

    let ran = place.run(&["validate", "--show-config", "--config", "other.toml"]);
    assert_eq!(shown(&ran)["run"]["workers"].as_integer(), Some(5), "not both files");
    let mut command = place.command(&["validate", "--show-config"]);
    command.env("SCANFLOW_CONFIG", "other.toml");
    assert_eq!(shown(&run(command))["run"]["workers"].as_integer(), Some(5));

    let mut command = scanflow(folder, &["validate", "--database-url", &place.test.url]);
    command.env("SCANFLOW_DATABASE__URL", "host=/nowhere");
    assert_eq!(run(command).exit, 0, "the flag wins");

    write(folder, "url", &format!("{}\n", place.test.url));
    let mut command = scanflow(folder, &["validate"]);
    command.env("SCANFLOW_DATABASE__URL_FILE", "url");
    assert_eq!(run(command).exit, 0, "a file with a URL replaces the URL of a lower source");
}

#[test]
fn a_wrong_setting_ends_with_78_and_names_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "unknown.toml", "[run]\nworkers = 2\nwokers = 3");
    write(folder.path(), "rate.toml", "\n[schedule]\nrate = -1");
    write(folder.path(), "syntax.toml", "[run\n");
    for (arguments, expected) in [
        (["--config", "unknown.toml"], "unknown.toml:3: run.wokers: unknown key `wokers`"),
        (["--config", "rate.toml"], "rate.toml:3: schedule.rate: must be more than 0"),
        (["--config", "syntax.toml"], "syntax.toml:1: "),
        (["--config", "missing.toml"], "could not read missing.toml"),
    ] {
        let ran = run(scanflow(folder.path(), &[&arguments[..], &["validate"]].concat()));
        assert_eq!(ran.exit, 78, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
    for (name, value, expected) in [
        ("SCANFLOW_RUN__WORKER", "2", "SCANFLOW_RUN__WORKER: run.worker: unknown key `worker`"),
        ("SCANFLOW_CADENCE__FREE", "0s", "SCANFLOW_CADENCE__FREE: cadence.free: must be longer"),
        ("SCANFLOW_DATABASE__URL_FILE", "missing", "missing"),
    ] {
        let mut command = scanflow(folder.path(), &["validate"]);
        let ran = run({
            command.env(name, value);
            command
        });
        assert_eq!(ran.exit, 78, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{name}: {}", ran.stderr);
    }
}

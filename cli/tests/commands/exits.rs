//! Exit codes, and errors for people and programs.

use crate::process::{run, scanflow};

const CANARY: &str = "canary-7f3a";

#[test]
fn help_documents_the_exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(scanflow(folder.path(), &["--help"]));
    assert_eq!(ran.exit, 0);
    for code in [0, 1, 2, 3, 65, 69, 75, 78, 101] {
        let line = format!("\n  {code:<4} ");
        assert!(ran.stdout.contains(&line), "{code} is missing in:\n{}", ran.stdout);
    }
    assert_eq!(run(scanflow(folder.path(), &["insights", "--colour"])).exit, 2);
    assert_eq!(run(scanflow(folder.path(), &[])).exit, 2);
}

#[test]
fn version_is_a_line_or_an_object() {
    let folder = tempfile::tempdir().expect("a folder");
    let version = env!("CARGO_PKG_VERSION");
    let ran = run(scanflow(folder.path(), &["version"]));
    assert_eq!((ran.exit, ran.stdout), (0, format!("scanflow {version}\n")));
    let ran = run(scanflow(folder.path(), &["version", "--json"]));
    assert_eq!(ran.json_lines()[0]["version"], version);
}

#[test]
fn an_unreachable_database_ends_with_69_and_names_host_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    // Port 1 of this machine: nobody listens there.
    let url = format!("postgres://scanflow:{CANARY}@127.0.0.1:1/fleet");
    for arguments in
        [&["run", "--once"][..], &["insights"], &["status"], &["validate"], &["export"]]
    {
        let mut command = scanflow(folder.path(), arguments);
        command.env("SCANFLOW_DATABASE__URL", &url);
        let ran = run(command);
        assert_eq!(ran.exit, 69, "{arguments:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("127.0.0.1") && ran.stderr.contains("refused"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains(CANARY) && !ran.stdout.contains(CANARY), "{}", ran.stderr);
    }
}

#[test]
fn errors_are_objects_when_logs_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = scanflow(folder.path(), &["validate", "--log-format", "json"]);
    command.env("SCANFLOW_DATABASE__URL", format!("host=127.0.0.1 port=1 password={CANARY}"));
    let ran = run(command);
    assert_eq!(ran.exit, 69, "{}", ran.stderr);
    let last = ran.stderr.lines().last().expect("a line");
    assert!(last.starts_with(r#"{"ts":""#), "{last}");
    let object: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((object["level"].as_str(), object["exit"].as_u64()), (Some("error"), Some(69)));
    assert!(object["msg"].as_str().is_some_and(|msg| msg.contains("refused")), "{last}");
    assert!(object["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')), "{last}");
    assert!(!ran.stderr.contains(CANARY));

    let mut command = scanflow(folder.path(), &["validate", "--log-format", "json"]);
    command.env("SCANFLOW_RUN__WORKERS", "0");
    let ran = run(command);
    let object: serde_json::Value = serde_json::from_str(&ran.stderr).expect("one object");
    assert_eq!((ran.exit, object["exit"].as_u64()), (78, Some(78)));
}

#[test]
fn a_password_among_the_arguments_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("postgres://scanflow:{CANARY}@127.0.0.1:1/fleet");
    let ran = run(scanflow(folder.path(), &["insights", "--database-url", &url]));
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("SCANFLOW_DATABASE__URL"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(CANARY));
}

#[test]
fn without_a_database_reading_makes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in ["insights", "status", "export"] {
        let ran = run(scanflow(folder.path(), &[command, "--state-dir", "state"]));
        assert_eq!(ran.exit, 69, "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains("there is no database in state"), "{}", ran.stderr);
    }
    let ran = run(scanflow(folder.path(), &["validate", "--state-dir", "state"]));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("database: none yet"), "{}", ran.stdout);
    let left: Vec<_> = folder.path().read_dir().expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

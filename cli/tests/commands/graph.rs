//! `scanflow graph`.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::process::{run, scanflow};

fn graph(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(scanflow(folder.path(), &[&["graph"], arguments].concat()));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it").count(), 0, "no database was made");
    ran.stdout
}

#[test]
fn shows_both_dataflows_without_a_database() {
    let expected = "\
control
  beat --> judge --> beat

scan
  schedule --> partition_by_cost --> load(fast) --> check(fast) --> write(fast) --> schedule
  partition_by_cost --> plan(slow) --> load_range(slow) --> check(slow) --> assemble(slow) --> write(slow) --> schedule
  load(fast) --> schedule
  plan(slow) --> schedule
  assemble(slow) --> plan(slow)
";
    assert_eq!(graph(&[]), expected);
}

#[test]
fn shows_timely_s_own_operators_if_asked_to() {
    let all = graph(&["--all"]);
    assert!(all.contains("Feedback") && all.contains("OkErr"), "{all}");
    let json: serde_json::Value =
        serde_json::from_str(&graph(&["--all", "--output", "json"])).expect("JSON");
    let names = json["dataflows"].as_array().expect("a list").iter().map(|flow| &flow["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["control", "scan"]);
}

#[test]
fn graphviz_takes_the_dot_form() {
    let dot = Command::new("dot").arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut dot) = dot else { return }; // the package graphviz has it
    let mut stdin = dot.stdin.take().expect("a pipe");
    stdin.write_all(graph(&["--all", "--output", "dot"]).as_bytes()).expect("it reads");
    drop(stdin);
    let drawn = dot.wait_with_output().expect("it ends");
    assert!(drawn.status.success());
    assert!(String::from_utf8(drawn.stdout).expect("UTF-8").contains("partition_by_cost"));
}

#[test]
fn without_a_job_that_runs_it_says_so() {
    let running = |listen: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = scanflow(folder.path(), &["graph", "--running"]);
        command.env("SCANFLOW_ADMIN__LISTEN", listen);
        run(command)
    };
    for nowhere in ["off", "127.0.0.1:0"] {
        let ran = running(nowhere);
        assert!(ran.exit == 2 && ran.stderr.contains("admin.listen"), "{ran:?}");
    }
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("it").to_string();
    drop(port);
    let ran = running(&address);
    assert!(ran.exit == 69 && ran.stderr.contains(&address), "{ran:?}");
}

#[test]
fn the_mermaid_form_has_every_operator_once() {
    let mermaid = graph(&["--output", "mermaid"]);
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    for name in ["beat", "judge", "schedule", "partition_by_cost", "load(fast)", "write(slow)"] {
        assert_eq!(mermaid.matches(&format!("[\"{name}\"]")).count(), 1, "{mermaid}");
    }
}

//! `scanflow import`.

use crate::process::Place;

const ACCOUNT: &str = r#"{"kind":"account","v":1,"id":"a","name":"A","plan":"free"}"#;
const ZONE: &str = r#"{"kind":"zone","v":1,"id":"x","account_id":"a","name":"x.test"}"#;
const RECORD: &str =
    r#"{"kind":"record","v":1,"zone_id":"x","name":"x.test","type":"A","content":"192.0.2.1"}"#;

async fn place(lines: &[&str]) -> Place {
    let place = Place::of(scanflow_testing::database().await);
    std::fs::create_dir(place.folder.path().join("fleet")).expect("a folder");
    std::fs::write(place.folder.path().join("fleet/all.jsonl"), lines.join("\n")).expect("a file");
    std::fs::write(place.folder.path().join("fleet/README"), "x").expect("a file");
    place
}

#[tokio::test]
async fn sums_up_on_stdout_and_notes_what_it_skips() {
    let place = place(&[ACCOUNT, ZONE, RECORD]).await;
    let ran = place.run(&["import", "fleet"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let start = "1 accounts, 1 zones, 1 records of 1 sources: 2 changed, 0 unchanged, 0 removed; \
                 0 problems; ";
    assert!(ran.stdout.starts_with(start), "{}", ran.stdout);
    assert_eq!(ran.stderr, "skipped fleet/README: no inventory\n");
    let again = place.run(&["import", "fleet", "-q"]);
    assert!(again.stdout.contains("0 changed, 2 unchanged"), "{}", again.stdout);
    assert_eq!((again.exit, again.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn bad_lines_are_told_of_by_file_line_and_reason_and_end_with_65() {
    let bad = RECORD.replace("192.0.2.1", "\u{1b}[2J");
    let place = place(&[ACCOUNT, ZONE, RECORD, &bad]).await;
    let ran = place.run(&["import", "fleet", "--prune", "fleet"]);
    assert_eq!(ran.exit, 65);
    let told = ran.stderr.lines().find(|line| line.starts_with("fleet/all.jsonl:4: "));
    assert!(told.is_some_and(|line| !line.contains('\u{1b}')), "{}", ran.stderr);
    assert!(ran.stdout.contains("1 problems"), "{}", ran.stdout);
    let ran = place.run(&["import", "fleet", "--plan", "gold", "--log-format", "json"]);
    assert!(ran.stderr.lines().all(|line| line.starts_with('{')), "{}", ran.stderr);
}

#[tokio::test]
async fn a_path_that_is_none_ends_with_2_no_inventory_with_65_and_no_database_with_69() {
    let place = place(&[ACCOUNT]).await;
    let ran = place.run(&["import", "fleet", "none"]);
    assert_eq!(ran.exit, 2);
    assert!(ran.stderr.starts_with("error: none cannot be read"), "{}", ran.stderr);
    let ran = place.run(&["import", "fleet", "--prune", "other"]);
    assert_eq!(ran.exit, 65);
    assert!(ran.stderr.contains("cannot prune \"other\""), "{}", ran.stderr);
    let nowhere = format!("host={} user=scanflow", place.folder.path().display());
    let mut command = place.command(&["import", "fleet"]);
    command.env("SCANFLOW_DATABASE__URL", nowhere);
    assert_eq!(crate::process::run(command).exit, 69);
}

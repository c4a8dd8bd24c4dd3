//! A fleet as files.

use std::fs;
use std::path::Path;

use scanflow::generate::Shape;
use scanflow::sources::generated::{WriteError, Writing, Written, write};
use scanflow_testing::{Expected, json_lines, json_text};

const FILES: [&str; 4] =
    ["accounts.jsonl.zst", "expected.jsonl.zst", "records.jsonl.zst", "zones.jsonl.zst"];

fn small() -> Shape {
    Shape { zones: 800, giant_records: Some(3_000), ..Shape::default() }
}

fn written(folder: &Path, shape: &Shape) -> Written {
    write(folder, shape, &mut |_| Writing::GoOn).expect("a fleet")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_same_shape_gives_the_same_bytes() {
    let place = tempfile::tempdir().expect("a folder");
    let [one, two, other] = ["one", "two", "other"].map(|name| place.path().join(name));
    fs::create_dir(&two).expect("an empty folder");
    let first = written(&one, &small());
    assert_eq!(written(&two, &small()), first);
    written(&other, &Shape { seed: 2, ..small() });
    assert_eq!(names(place.path()), ["one", "other", "two"]);
    assert_eq!(names(&one), FILES);
    for name in FILES {
        let [one, two, other] =
            [&one, &two, &other].map(|folder| fs::read(folder.join(name)).expect("a file"));
        assert_eq!(one, two, "{name}");
        assert_ne!(one, other, "{name}");
    }
}

#[test]
fn files_hold_as_many_lines_as_was_said() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("made/fleet");
    let Written { accounts, zones, records, planted } = written(&folder, &small());
    let lines = |name: &str| json_lines(&folder.join(name)).count() as u64;
    assert_eq!((lines(FILES[0]), lines(FILES[3]), lines(FILES[2])), (accounts, zones, records));
    assert_eq!(zones, 800);
    let count = |zone: serde_json::Value| zone["record_count"].as_u64().expect("a count");
    assert_eq!(json_lines(&folder.join(FILES[3])).map(count).sum::<u64>(), records);

    let expected = Expected::read(&folder.join(FILES[1]));
    let fails: u64 = planted.0.values().map(|of| of.fails).sum();
    let unknown: u64 = planted.0.values().map(|of| of.unknown).sum();
    assert_eq!((expected.fails.len() as u64, expected.unknown.len() as u64), (fails, unknown));
    for line in json_lines(&folder.join(FILES[1])) {
        let of_account = json_text(&line, "check").starts_with("account.");
        assert_eq!((line.get("asset").is_some(), line.get("zone").is_some()), {
            (of_account, !of_account)
        });
    }
}

#[test]
fn what_is_there_is_left_alone_and_nothing_half_written_stays() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("fleet");
    let stopped = write(&folder, &small(), &mut |_| Writing::Stop);
    assert!(matches!(stopped, Err(WriteError::Stopped)), "{stopped:?}");
    assert_eq!(names(place.path()), Vec::<String>::new());

    let refused = |shape: &Shape| {
        let refused = write(&folder, shape, &mut |_| Writing::GoOn).expect_err("refused");
        refused.to_string().replace(&folder.display().to_string(), "fleet")
    };
    let wrong = Shape { zones: 0, ..small() };
    assert_eq!(refused(&wrong), "zones is 0: from 1 to 1000000000 is allowed");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("mine"), "x").expect("a file");
    let full = "fleet holds something already: give an empty or a new folder";
    assert_eq!(refused(&small()), full);
    fs::remove_dir_all(&folder).expect("no folder");
    fs::write(&folder, "x").expect("a file");
    assert_eq!(refused(&small()), "fleet is not a folder");
    assert_eq!(names(place.path()), ["fleet"]);
}

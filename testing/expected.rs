//! What an independent judge expects in the shared fleets, each imported alone.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::shared_data;

/// Check, external id of the asset, subject.
pub type Subject = (String, String, String);

/// The verdicts on one source.
#[derive(Clone, Debug)]
pub struct Expected {
    pub fails: BTreeSet<Subject>,
    /// Neither found nor known to be absent.
    pub unknown: BTreeSet<Subject>,
}

impl Expected {
    /// None if the shared data is missing outside of CI.
    ///
    /// # Panics
    /// If it is missing in CI or cannot be read.
    pub fn of(source: &str) -> Option<Expected> {
        shared_data(&format!("expected/{source}.jsonl.zst")).map(|path| Expected::read(&path))
    }

    /// # Panics
    /// If the file cannot be read or a line stands twice.
    pub fn read(path: &Path) -> Expected {
        let (mut fails, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for line in json_lines(path) {
            let verdicts = match json_text(&line, "verdict").as_str() {
                "fail" => &mut fails,
                "unknown" => &mut unknown,
                other => panic!("verdict {other:?}"),
            };
            let asset = if line.get("asset").is_some() { "asset" } else { "zone" };
            let [check, asset, subject] =
                ["check", asset, "subject"].map(|key| json_text(&line, key));
            assert!(verdicts.insert((check, asset, subject)), "twice: {line}");
        }
        Expected { fails, unknown }
    }
}

/// The objects of a compressed file of JSON Lines.
///
/// # Panics
/// If it cannot be read or holds anything else.
pub fn json_lines(path: &Path) -> impl Iterator<Item = Value> {
    let file = File::open(path).expect("a readable file");
    let decoder = zstd::Decoder::new(file).expect("a zstd file");
    let lines = BufReader::new(decoder).lines();
    lines.map(|line| serde_json::from_str(&line.expect("valid UTF-8")).expect("valid JSON"))
}

/// # Panics
/// If the object has no such text.
pub fn json_text(line: &Value, key: &str) -> String {
    line[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}")).to_owned()
}

/// # Panics
/// If the sets differ, with what only one of them has.
pub fn assert_same<T: Ord + Debug>(what: &str, found: &BTreeSet<T>, expected: &BTreeSet<T>) {
    let only = |sign: char, left: &BTreeSet<T>, right: &BTreeSet<T>| -> Vec<String> {
        left.difference(right).map(|line| format!("{sign} {line:?}")).collect()
    };
    let differing = [only('-', expected, found), only('+', found, expected)].concat();
    assert!(
        differing.is_empty(),
        "{what}: {} lines differ (- not found, + not expected)\n{}",
        differing.len(),
        differing.join("\n")
    );
}

//! The rules of `docs/architecture.md` that the compiler cannot hold.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;

/// A name that says where something is put and not what it is.
const DRAWERS: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "manager"];

/// What would make the outcome depend on something else than the arguments. Addresses are values,
/// so the other names of `std::net` are fine.
const IMPURE: &[&str] = &[
    "timely::",
    "tokio::",
    "async ",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "crate::clock",
    "crate::config",
    "crate::operators",
    "crate::sinks",
    "crate::sources",
    "crate::store",
    "crate::worker",
];

/// The start of a path, and what files there must not mention.
const LAYERS: [(&str, &[&str]); 15] = [
    ("src/", &["scanflow_dataflows", "scanflow_cli"]),
    ("src/model/", IMPURE),
    ("src/checks/", IMPURE),
    ("src/lanes/", IMPURE),
    ("src/schedule/", IMPURE),
    // It drives the scheduler, so the scheduler does not know of it.
    ("src/schedule/", &["crate::simulate"]),
    ("src/simulate/", IMPURE),
    ("src/inventory/", IMPURE),
    (
        "src/telemetry/",
        &[
            "timely::",
            "tokio::",
            "crate::config",
            "crate::operators",
            "crate::sinks",
            "crate::store",
        ],
    ),
    ("src/generate/", IMPURE),
    // The truth about a generated fleet is worth nothing if the checks themselves tell it.
    ("src/generate/", &["crate::checks"]),
    ("src/sources/", &["timely::", "crate::operators", "crate::worker"]),
    ("src/store/", &["timely::", "crate::operators", "crate::worker"]),
    ("src/sinks/", &["timely::", "crate::operators", "crate::worker"]),
    ("src/operators/", &["std::fs", "std::net", "block_on", "crate::worker"]),
];

/// Folders that hold no text of ours: what is built, what is kept, what git knows.
const NOT_OURS: [&str; 3] = ["target", ".git", ".scanflow"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the project with its path from the root.
fn texts() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = vec![root().to_owned()];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = String::from_utf8(fs::read(&path).expect("a readable file")) {
                texts.push((name, text));
            }
        }
    }
    texts
}

fn files() -> Vec<(String, String)> {
    let mut files = texts();
    files.retain(|(name, _)| name.ends_with(".rs"));
    for folder in ["src", "dataflows", "cli", "bench", "tests", "testing"] {
        let is_in = |(name, _): &(String, String)| name.starts_with(&format!("{folder}/"));
        assert!(files.iter().any(is_in), "found nothing in {folder}");
    }
    files
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (name, text) in files() {
        let lines = text.lines().count();
        assert!(
            lines <= LINES_MAX,
            "{name} has {lines} lines: a second concept gets a second file"
        );
        assert!(text.starts_with("//! "), "{name} does not begin with its module documentation");
        let leftover =
            [concat!("TO", "DO"), concat!("FIX", "ME")].iter().find(|w| text.contains(*w));
        assert_eq!(leftover, None, "{name}: open an issue instead");
    }
}

#[test]
fn no_file_is_a_drawer() {
    for (name, _) in files() {
        let parts = name.trim_end_matches(".rs").split('/');
        assert!(parts.into_iter().all(|part| !DRAWERS.contains(&part)), "{name}");
    }
}

#[test]
fn layers_use_only_what_is_below_them() {
    for (name, text) in files() {
        for (layer, forbidden) in LAYERS.iter().filter(|(layer, _)| name.starts_with(layer)) {
            let found = forbidden.iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "{name} belongs to {layer}");
        }
    }
}

/// A check is found by its id: file, entry in the list and id have one name.
#[test]
fn a_check_lies_in_the_file_that_its_id_names() {
    for check in scanflow::checks::ALL {
        let name = format!("src/checks/{}.rs", check.about().id.as_str().replace('.', "_"));
        assert!(root().join(&name).is_file(), "{name} is missing");
    }
}

/// What stands between back quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Whether one of `files` has a test of that name.
fn is_test(name: &str, files: &[(String, String)]) -> bool {
    let head = format!("fn {name}(");
    files.iter().any(|(_, text)| {
        text.match_indices(&head).any(|(at, _)| {
            let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let attributes = text[..line].lines().rev().map(str::trim);
            let mut attributes = attributes.take_while(|line| line.starts_with("#["));
            attributes.any(|attribute| attribute.contains("test"))
        })
    })
}

#[test]
fn each_invariant_names_what_exists() {
    let page = text("docs/architecture.md");
    let table = page.split("\n## ").find(|section| section.starts_with("Invariants"));
    let rows = table.expect("a section of invariants").lines();
    let rows: Vec<&str> = rows.filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "found too few rows to mean anything");
    let files = files();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, held_by] = cells[..] else { panic!("not three cells: {row}") };
        assert_eq!(number, (index + 1).to_string(), "rows are counted: {row}");
        let is_held = |name: &&str| is_test(name, &files) || root().join(name).exists();
        let holders: Vec<&str> = quoted(held_by).into_iter().filter(is_held).collect();
        assert!(!holders.is_empty(), "nothing holds it: {row}");
        // A name with a lower-case start is a test or a path; others are types.
        let named = quoted(held_by).into_iter().filter(|n| n.starts_with(char::is_lowercase));
        let lost: Vec<&str> =
            named.filter(|name| !name.contains(' ') && !holders.contains(name)).collect();
        assert!(lost.is_empty(), "{lost:?} does not exist: {row}");
    }
}

#[test]
fn every_decision_is_listed() {
    let list = text("docs/adr/README.md");
    let mut pages: Vec<String> = fs::read_dir(root().join("docs/adr"))
        .expect("a folder of decisions")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    pages.sort();
    assert!(!pages.is_empty());
    for (index, page) in pages.iter().enumerate() {
        let number = format!("{:04}", index + 1);
        assert!(page.starts_with(&number), "{page}: numbers have no gap and no double");
        assert!(list.contains(&format!("[{number}]({page})")), "{page} is not in the list");
        let decision = text(&format!("docs/adr/{page}"));
        assert!(decision.starts_with(&format!("# {number}: ")), "{page} has another title");
        for part in ["Context", "Decision", "Alternatives", "Consequences"] {
            assert!(decision.contains(&format!("**{part}.**")), "{page} lacks {part}");
        }
    }
}

#[test]
fn the_house_is_complete() {
    let changes = text("CHANGELOG.md");
    let unreleased = changes.split("\n## [").nth(1).expect("a section");
    assert!(unreleased.starts_with("Unreleased]"), "the first section of CHANGELOG.md");
    assert!(text("LICENSE").contains("Apache License"));
    assert!(text("deny.toml").contains("[licenses]"));
    let notices = text("samples/README.md");
    for entry in fs::read_dir(root().join("samples/fleet")).expect("the sample fleet") {
        let source = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(notices.contains(&format!("`fleet/{source}`:\n")), "no notice for {source}");
    }
    let makefile = text("Makefile");
    let targets = makefile.lines().filter_map(|line| {
        let (name, _) = line.split_once(':')?;
        (!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase())).then_some((name, line))
    });
    for (name, line) in targets {
        assert!(line.contains("## "), "make {name} does not explain itself");
    }
}

/// A path that means something on one machine only.
#[test]
fn no_file_names_a_place_on_one_machine() {
    // In two parts, or this file would name them.
    let places = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/")];
    for (name, text) in texts() {
        for place in places.map(|(start, end)| format!("{start}{end}")) {
            let is_path = |at: usize| {
                let before = text[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "._-/~}".contains(c))
            };
            let found = text.match_indices(&place).any(|(at, _)| is_path(at));
            assert!(!found, "{name} names a path below {place}");
        }
    }
}

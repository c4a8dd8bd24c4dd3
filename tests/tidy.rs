//! The rules of `docs/architecture.md` that the compiler cannot hold.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;

/// A name that says where something is put and not what it is.
const DRAWERS: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "manager"];

/// The start of a path, and what files there must not mention.
const LAYERS: [(&str, &[&str]); 9] = [
    ("src/", &["scanflow_dataflows"]),
    ("src/model/", &["timely::", "tokio::", "std::fs", "std::net", "crate::clock"]),
    ("src/checks/", &["timely::", "tokio::", "std::fs", "std::net", "crate::clock", "async "]),
    ("src/lanes/", &["timely::", "tokio::", "std::fs", "std::net", "crate::clock"]),
    ("src/schedule/", &["timely::", "tokio::", "std::fs", "std::net", "crate::clock"]),
    ("src/inventory/", &["timely::", "tokio::", "std::fs", "crate::clock", "async "]),
    ("src/store/", &["timely::", "crate::operators"]),
    ("src/sinks/", &["timely::", "crate::operators"]),
    ("src/operators/", &["std::fs", "std::net", "block_on", "crate::worker"]),
];

fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> =
        ["src", "dataflows", "cli", "bench", "tests"].map(|folder| root.join(folder)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                files.push((name, fs::read_to_string(&path).expect("a readable file")));
            }
        }
    }
    assert!(files.len() > 30, "found too few files to mean anything");
    files
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
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        assert!(path.is_file(), "{name} is missing");
    }
}

//! Which files below the given paths are inventory, and of which source.
//!
//! A path is a file, a folder of one source, or a folder of such folders. A folder is one source if
//! it holds the three files `accounts`, `zones` and `records` (`.jsonl` or `.ndjson`), else zone
//! files, a provider's JSON, or files of JSON Lines that state the kind of each line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cloudflare;
use super::lines::{Line, Lines, open};
use super::owners::Owner;
use crate::inventory::ndjson::{self, LineKind};
use crate::inventory::{Place, Problem};

/// How deep answers lie below the folder of a source: `zones/ID/settings.json`, and one more.
const ANSWERS_DEPTH_MAX: u32 = 3;

/// One source with its files, in the order in which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub(super) parts: Vec<Part>,
    /// Of zones whose owner no file states.
    pub(super) owner: Owner,
}

impl Source {
    /// What the records were read from.
    pub(super) fn last_file(&self) -> Arc<PathBuf> {
        Arc::new(self.parts.last().map(Part::path).unwrap_or_default())
    }
}

/// Files of one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// JSON Lines; the kind of all lines, or None if each states its own.
    Lines {
        file: PathBuf,
        kind: Option<LineKind>,
    },
    ZoneFiles {
        files: Vec<PathBuf>,
        owners: Option<PathBuf>,
    },
    /// Answers of an API, as files.
    Cloudflare {
        files: Vec<PathBuf>,
    },
}

impl Part {
    fn path(&self) -> PathBuf {
        match self {
            Part::Lines { file, .. } => file.clone(),
            Part::ZoneFiles { files, .. } | Part::Cloudflare { files } => {
                files.last().cloned().unwrap_or_default()
            }
        }
    }

    fn holds(&self, entry: &PathBuf) -> bool {
        match self {
            Part::Lines { file, .. } => file == entry,
            Part::ZoneFiles { files, owners } => {
                files.contains(entry) || owners.as_ref() == Some(entry)
            }
            Part::Cloudflare { files } => files.iter().any(|file| file.starts_with(entry)),
        }
    }
}

/// What lies below the given paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By name.
    pub sources: Vec<Source>,
    /// What was passed over.
    pub notes: Vec<Problem>,
}

/// A path that cannot be imported. Nothing has been stored.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds no inventory: {reason}", path.display())]
    Nothing { path: PathBuf, reason: String },
}

/// Finds the sources. All that has one name is one source; `name` is that of all, if given. `owner`
/// is that of zones whose owner no file states.
pub fn walk(paths: &[PathBuf], name: Option<&str>, owner: &Owner) -> Result<Found, WalkError> {
    let mut sources: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    let mut notes = Vec::new();
    for path in paths {
        for (own_name, parts) in at(path, &mut notes)? {
            let name = name.map_or(own_name, str::to_owned);
            sources.entry(name).or_default().extend(parts);
        }
    }
    if sources.is_empty()
        && let Some(path) = paths.first()
    {
        let (path, reason) = (path.clone(), EXPECTED.to_owned());
        return Err(WalkError::Nothing { path, reason });
    }
    let sources = sources.into_iter().map(|(name, mut parts)| {
        // The listing before the records, also when they were given one by one.
        parts.sort_by_key(|part| match part {
            Part::Lines { kind: Some(LineKind::Account), .. } => 0,
            Part::Lines { kind: Some(LineKind::Zone), .. } => 1,
            _ => 2,
        });
        Source { name, parts: join(parts), owner: owner.clone() }
    });
    Ok(Found { sources: sources.collect(), notes })
}

/// Answers complete each other, and zone files share an account by default, also when they were
/// given one by one.
fn join(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        let same = joined.iter_mut().find_map(|other| match (other, &part) {
            (Part::Cloudflare { files }, Part::Cloudflare { files: more }) => Some((files, more)),
            (
                Part::ZoneFiles { files, owners },
                Part::ZoneFiles { files: more, owners: others },
            ) if owners == others => Some((files, more)),
            _ => None,
        });
        match same {
            Some((files, more)) => files.extend_from_slice(more),
            None => joined.push(part),
        }
    }
    joined
}

type Named = (String, Vec<Part>);

fn note(path: PathBuf, reason: String) -> Problem {
    Problem { place: Place { file: Arc::new(path), line: 0 }, reason }
}

fn at(path: &Path, notes: &mut Vec<Problem>) -> Result<Vec<Named>, WalkError> {
    let unreadable = |source| WalkError::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        if is_expected(path) {
            notes.push(note(path.to_owned(), EXPECTED.to_owned()));
            return Ok(Vec::new());
        }
        return Ok(vec![(source_name(path), vec![file(path)])]);
    }
    let entries = entries(path).map_err(unreadable)?;
    let missing = match folder(&entries, notes) {
        Ok(parts) => return Ok(vec![(source_name(path), parts)]),
        Err(reason) => reason,
    };
    let mut found = Vec::new();
    for entry in entries {
        let reason = if !entry.is_dir() {
            "no inventory".to_owned()
        } else {
            match self::entries(&entry).map_err(|err| err.to_string()) {
                Err(reason) => reason,
                Ok(inner) => match folder(&inner, notes) {
                    Ok(parts) => {
                        found.push((source_name(&entry), parts));
                        continue;
                    }
                    Err(reason) => reason,
                },
            }
        };
        notes.push(note(entry, reason));
    }
    if found.is_empty() {
        return Err(WalkError::Nothing { path: path.to_owned(), reason: missing });
    }
    Ok(found)
}

/// The parts of a folder of one source, or why it is none. What is passed over is noted only in a
/// folder that is one.
fn folder(entries: &[PathBuf], notes: &mut Vec<Problem>) -> Result<Vec<Part>, String> {
    let files: Vec<&PathBuf> = entries.iter().filter(|entry| !entry.is_dir()).collect();
    let mut three: BTreeMap<&str, &PathBuf> = BTreeMap::new();
    for file in &files {
        if let Some((stem, _)) = kind_of_name(file) {
            three.entry(stem).or_insert(file);
        }
    }
    let parts: Vec<Part> = match three.len() {
        3 => three.values().map(|file| self::file(file)).collect(),
        0 => {
            let zones = files.iter().filter(|file| is_zone_file(file));
            let zones: Vec<PathBuf> = zones.map(|file| file.to_path_buf()).collect();
            let mixed = files.iter().filter(|file| is_json_lines(file) && states_its_kinds(file));
            let part = |file: &&PathBuf| Part::Lines { file: file.to_path_buf(), kind: None };
            if !zones.is_empty() {
                vec![zone_files(zones)]
            } else if files.iter().any(|file| cloudflare::lists_zones(file)) {
                let files = entries.iter().flat_map(|entry| answers(entry, ANSWERS_DEPTH_MAX));
                vec![Part::Cloudflare { files: files.collect() }]
            } else {
                mixed.map(part).collect()
            }
        }
        _ => {
            let held: Vec<&str> = three.into_keys().collect();
            return Err(format!(
                "of the three files accounts, zones and records there is only {}",
                held.join(" and ")
            ));
        }
    };
    if parts.is_empty() {
        return Err("no file of it is inventory".to_owned());
    }
    let taken = |entry: &PathBuf| parts.iter().any(|part| part.holds(entry));
    for entry in entries.iter().filter(|entry| !taken(entry)) {
        let reason = if is_expected(entry) { EXPECTED } else { "no inventory" };
        notes.push(note(entry.clone(), reason.to_owned()));
    }
    Ok(parts)
}

/// The part that a file is when it is given by itself.
fn file(path: &Path) -> Part {
    let kind = kind_of_name(path).map(|(_, kind)| kind);
    if is_json_lines(path) || (!has_telling_name(path) && begins_with_a_brace(path)) {
        return Part::Lines { file: path.to_owned(), kind };
    }
    if plain_name(path).ends_with(".json") {
        return Part::Cloudflare { files: vec![path.to_owned()] };
    }
    zone_files(vec![path.to_owned()])
}

/// JSON files at or below a path, in order of their names.
fn answers(path: &Path, depth: u32) -> Vec<PathBuf> {
    if !path.is_dir() {
        return Vec::from_iter(plain_name(path).ends_with(".json").then(|| path.to_owned()));
    }
    let below = if depth == 0 { Vec::new() } else { entries(path).unwrap_or_default() };
    below.iter().flat_map(|entry| answers(entry, depth - 1)).collect()
}

/// Zone files with the file of their owners, if it lies beside them.
fn zone_files(files: Vec<PathBuf>) -> Part {
    let owners = files.first().map(|file| file.with_file_name("owners.csv"));
    Part::ZoneFiles { files, owners: owners.filter(|owners| owners.is_file()) }
}

/// In order of their names.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut entries = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    entries.sort_unstable();
    Ok(entries)
}

/// The name of a file without `.zst`.
fn plain_name(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".zst").unwrap_or(name)
}

/// What a generated fleet says of itself lies beside it.
fn is_expected(path: &Path) -> bool {
    matches!(plain_name(path), "expected.jsonl" | "expected.ndjson")
}

const EXPECTED: &str = "what a scan must find, no inventory";

fn is_json_lines(path: &Path) -> bool {
    let name = plain_name(path);
    name.ends_with(".jsonl") || name.ends_with(".ndjson")
}

pub(super) fn is_zone_file(path: &Path) -> bool {
    let name = plain_name(path);
    name.ends_with(".zone") || name.starts_with("db.")
}

fn has_telling_name(path: &Path) -> bool {
    is_zone_file(path) || plain_name(path).ends_with(".json")
}

/// Whether a file that has no telling name can be JSON.
fn begins_with_a_brace(file: &Path) -> bool {
    let Ok(reader) = open(file) else { return false };
    matches!(Lines::new(reader).next(), Ok(Some(Line::Text(line))) if line.starts_with(b"{"))
}

/// What a file of the three-file form holds.
fn kind_of_name(path: &Path) -> Option<(&'static str, LineKind)> {
    let name = plain_name(path);
    let stem = name.strip_suffix(".jsonl").or_else(|| name.strip_suffix(".ndjson"))?;
    match stem {
        "accounts" => Some(("accounts", LineKind::Account)),
        "zones" => Some(("zones", LineKind::Zone)),
        "records" => Some(("records", LineKind::Record)),
        _ => None,
    }
}

/// Whether the first line of a file says what it tells of: other JSON Lines are no inventory.
fn states_its_kinds(file: &Path) -> bool {
    let Ok(reader) = open(file) else { return false };
    let mut lines = Lines::new(reader);
    matches!(lines.next(), Ok(Some(Line::Text(line))) if ndjson::kind(line).is_ok())
}

/// The name of a folder, or of a file without what says its format.
fn source_name(path: &Path) -> String {
    let full = path.canonicalize();
    let path = full.as_deref().unwrap_or(path);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    if path.is_dir() {
        return name.into_owned();
    }
    let name = name.strip_suffix(".zst").unwrap_or(&name);
    let stem = [".jsonl", ".ndjson", ".json", ".zone"].iter().find_map(|e| name.strip_suffix(e));
    stem.or_else(|| name.strip_prefix("db.")).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_after_its_file_without_the_format() {
        for (path, name) in [
            ("x/fleet.jsonl.zst", "fleet"),
            ("x/fleet.ndjson", "fleet"),
            ("example.org.zone", "example.org"),
            ("db.example.org", "example.org"),
        ] {
            assert_eq!(source_name(Path::new(path)), name);
        }
    }

    #[test]
    fn files_that_are_given_by_themselves_are_read_in_the_order_of_their_kinds() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["records.jsonl", "accounts.jsonl", "zones.jsonl"].map(|name| {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("a file");
            path
        });
        let expected = folder.path().join("expected.jsonl.zst");
        fs::write(&expected, "").expect("a file");
        let given = [&paths[..], std::slice::from_ref(&expected)].concat();
        let found = walk(&given, Some("x"), &Owner::default()).expect("a source");
        assert_eq!(found.notes, [note(expected.clone(), EXPECTED.to_owned())]);
        let alone = walk(&[expected], None, &Owner::default());
        assert!(matches!(alone, Err(WalkError::Nothing { .. })));
        let [accounts, zones, records] = &found.sources[0].parts[..] else { panic!("three parts") };
        assert!(accounts.holds(&paths[1]) && zones.holds(&paths[2]) && records.holds(&paths[0]));
    }
}

//! A shared source in a folder of the test's own, to be edited and imported again.

use std::path::PathBuf;

use scanflow::sources::inventory::Options;
use scanflow_testing::{json_lines, shared_data};
use serde_json::Value;
use tempfile::TempDir;

/// The lines of the three files, in their order.
pub(crate) struct SourceCopy {
    folder: TempDir,
    name: &'static str,
    pub(crate) accounts: Vec<Value>,
    pub(crate) zones: Vec<Value>,
    pub(crate) records: Vec<Value>,
}

impl SourceCopy {
    /// None if the shared data is missing outside of CI.
    pub(crate) fn of(name: &'static str) -> Option<SourceCopy> {
        let source = shared_data(name)?;
        let lines = |kind| json_lines(&source.join(format!("{kind}.jsonl.zst"))).collect();
        Some(SourceCopy {
            folder: tempfile::tempdir().expect("a folder"),
            name,
            accounts: lines("accounts"),
            zones: lines("zones"),
            records: lines("records"),
        })
    }

    /// Writes the files and returns their folder.
    pub(crate) fn write(&self) -> PathBuf {
        let folder = self.folder.path().join(self.name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (kind, lines) in
            [("accounts", &self.accounts), ("zones", &self.zones), ("records", &self.records)]
        {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(folder.join(format!("{kind}.jsonl")), text).expect("a written file");
        }
        folder
    }

    /// For an import that prunes the source.
    pub(crate) fn pruning(&self) -> Options {
        let (paths, prune) = (vec![self.write()], vec![self.name.to_owned()]);
        Options { paths, prune, ..Options::default() }
    }

    pub(crate) fn zone(&mut self, id: &str) -> &mut Value {
        self.zones.iter_mut().find(|zone| zone["id"] == id).expect("a zone of the source")
    }

    /// The place of the record `name type content`.
    pub(crate) fn position(&self, record: &str) -> usize {
        let is_wanted = |line: &Value| {
            let [name, kind, content] =
                ["name", "type", "content"].map(|key| line[key].as_str().expect("a text"));
            format!("{name} {kind} {content}") == record
        };
        let places: Vec<usize> =
            (0..self.records.len()).filter(|place| is_wanted(&self.records[*place])).collect();
        let [place] = places[..] else { panic!("{record} is in {places:?}") };
        place
    }
}

//! An inventory that changes from round to round, so that insights open, change, resolve and reopen
//! while something else goes wrong.

use std::collections::HashSet;
use std::path::PathBuf;

use scanflow_testing::json_text;
use serde_json::{Value, json};

use crate::source_copy::SourceCopy;

const SOURCE: &str = "is-a-dev-fleet";
/// One zone of so many changes.
const CHANGES_EACH: usize = 20;

pub(crate) struct Changes {
    source: SourceCopy,
    zones: Vec<Value>,
    records: Vec<Value>,
}

impl Changes {
    /// None if the shared data is missing outside of CI.
    pub(crate) fn of_a_fleet() -> Option<Changes> {
        let source = SourceCopy::of(SOURCE)?;
        let zones = source.zones.iter().step_by(CHANGES_EACH).cloned().collect();
        let mut changes = Changes { source, zones, records: Vec::new() };
        let changing: HashSet<String> =
            changes.zones.iter().map(|zone| json_text(zone, "id")).collect();
        let records = changes.source.records.iter();
        let records = records.filter(|line| changing.contains(&json_text(line, "zone_id")));
        changes.records = records.cloned().collect();
        Some(changes)
    }

    /// What is to be imported in that round: in the first one, 0, the whole fleet, then the zones
    /// that change. In every round some zones are broken, broken in another way, seen in part alone
    /// (which resolves nothing), and repaired.
    pub(crate) fn write(&mut self, round: usize) -> PathBuf {
        if 0 < round {
            self.source.zones = self.zones.clone();
            self.source.records = self.records.clone();
            for (number, zone) in self.source.zones.iter_mut().enumerate() {
                let phase = (number + round) % 4;
                let (id, name) = (json_text(zone, "id"), json_text(zone, "name"));
                zone["records_complete"] = json!(phase != 2);
                let (address, policy) = match phase {
                    0 => ("10.0.0.1", "v=spf1 +all"),
                    1 => ("10.0.0.2", "v=spf1 mx +all"),
                    _ => continue,
                };
                for (kind, content) in [("A", address), ("TXT", policy)] {
                    self.source.records.push(json!({
                        "zone_id": id, "name": format!("drill.{name}"), "type": kind,
                        "content": content,
                    }));
                }
            }
            self.source.records.sort_by_cached_key(|line| json_text(line, "zone_id"));
        }
        self.source.write()
    }
}

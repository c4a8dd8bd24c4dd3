//! What may change while a run goes on.

use std::collections::BTreeSet;

use super::Config;
use crate::schedule::Reload;

/// Their values are followed; those of all other keys are read once, at the start.
const FOLLOWED: [&str; 5] = [
    "cadence",
    "schedule.buffer",
    "schedule.requests_per_second",
    "limits.scans_per_second_max",
    "limits.memory_max",
];

impl Config {
    /// The part that the schedule follows.
    pub fn reload(&self) -> Reload {
        Reload {
            cadences: self.cadences(),
            buffer: self.schedule.buffer,
            requests_per_second: self.schedule.requests_per_second,
            limits: self.limits.schedule(),
        }
    }

    /// Keys with dots, by name, whose values differ and that only a restart follows.
    pub fn waits_for_restart(&self, newer: &Config) -> Vec<String> {
        let (before, after) = (self.leaves(), newer.leaves());
        let differ: BTreeSet<&String> =
            before.symmetric_difference(&after).map(|(key, _)| key).collect();
        let is_followed = |key: &str| {
            let below = |section: &str| key.strip_prefix(section)?.starts_with('.').then_some(());
            FOLLOWED.iter().any(|followed| key == *followed || below(followed).is_some())
        };
        differ.into_iter().filter(|key| !is_followed(key)).cloned().collect()
    }

    /// Every value with its key.
    fn leaves(&self) -> BTreeSet<(String, String)> {
        let mut leaves = BTreeSet::new();
        if let Ok(serde_json::Value::Object(sections)) = serde_json::to_value(self) {
            sections.into_iter().for_each(|(key, value)| collect(key, value, &mut leaves));
        }
        // What is secret is not shown, so that it would seem to be the same.
        let url = self.database.url.as_ref().map(|url| url.reveal().to_owned());
        leaves.extend(url.map(|url| ("database.url".to_owned(), url)));
        leaves
    }
}

fn collect(key: String, value: serde_json::Value, leaves: &mut BTreeSet<(String, String)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                collect(format!("{key}.{field}"), value, leaves);
            }
        }
        value => drop(leaves.insert((key, value.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Config {
        let sources = Sources { file: Some((Path::new("f"), text)), ..Sources::default() };
        sources.read().expect("valid settings")
    }

    #[test]
    fn what_only_a_restart_follows_is_named() {
        let before = read("[cadence]\nfree = \"7d\"\n[database]\nurl = \"postgres://a/b\"");
        let after = read(
            "[cadence]\nfree = \"1d\"\ngold = \"1h\"\n[limits]\nmemory_max = \"1GiB\"\n\
             db_connections_max = 9\n[schedule]\nbuffer = 1.5\nrate = \"max\"\n\
             [database]\nurl = \"postgres://a/c\"",
        );
        let keys = ["database.url", "limits.db_connections_max", "schedule.rate"];
        assert_eq!(before.waits_for_restart(&after), keys);
        assert!(before.waits_for_restart(&before).is_empty());
        assert_eq!(after.reload().buffer, 1.5);
        assert!(after.reload().cadences.knows("gold"));
    }
}

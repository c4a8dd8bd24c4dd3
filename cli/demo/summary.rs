//! What a demo did, and what to type next.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use scanflow::model::Severity;
use scanflow::sources::inventory::Report;

use super::scale::Scale;

/// Checks that are named.
const CHECKS_MAX: usize = 3;

/// The figures of a demo.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// As people name it.
    pub(super) fleet: String,
    pub(super) imported: Report,
    /// Of the pass over everything, and how long it took.
    pub(super) covering_scans: u64,
    pub(super) covering: Option<Duration>,
    /// Of all passes.
    pub(super) scans: u64,
    /// The worst first.
    pub(super) open: Vec<(Severity, i64)>,
    /// The most frequent first.
    pub(super) open_checks: Vec<(String, i64)>,
    /// From the start.
    pub(super) first_insight: Option<Duration>,
    pub(super) covered: Option<Duration>,
    pub(super) scale: Option<Scale>,
    /// While the fleet was kept fresh.
    pub(super) fresh: Option<Duration>,
    pub(super) opened: u64,
    pub(super) resolved: u64,
    pub(super) broken: u64,
    pub(super) repaired: u64,
}

impl Summary {
    /// Of several lines, each with its end.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<20}{value}"); // a String takes everything
        };
        let Report { accounts, zones, records, problems, .. } = self.imported;
        let problems = if problems == 0 { String::new() } else { format!(", {problems} problems") };
        row("fleet", self.fleet.clone());
        row("imported", format!("{accounts} accounts, {zones} zones, {records} records{problems}"));
        row("scans", self.scans.to_string());
        if let Some(took) = self.covering {
            let per_second = self.covering_scans as f64 / took.as_secs_f64().max(0.001);
            let took = took.as_secs_f64();
            row("all scanned in", format!("{took:.1} s, {per_second:.0} scans/s"));
        }
        row("first insight", after(self.first_insight));
        row("everything covered", after(self.covered));
        row("open insights", counts(&self.open));
        let checks: Vec<_> = self.open_checks.iter().take(CHECKS_MAX).cloned().collect();
        row("most frequent", counts(&checks));
        if let (Some(fresh), Some(scale)) = (self.fresh, self.scale) {
            row("kept fresh for", format!("{:.0} s, time {scale}", fresh.as_secs_f64()));
            row("meanwhile", format!("{} opened, {} resolved", self.opened, self.resolved));
            let left = self.broken.saturating_sub(self.repaired);
            row("zones broken", format!("{}, of which {left} still are", self.broken));
        }
        text
    }
}

fn after(length: Option<Duration>) -> String {
    let text = length.map(|length| format!("{:.1} s after the start", length.as_secs_f64()));
    text.unwrap_or_else(|| "not yet".to_owned())
}

fn counts<T: std::fmt::Display>(counts: &[(T, i64)]) -> String {
    let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Commands for the demo's own database, then for a fleet of one's own in the state directory.
pub(super) fn next_steps(state_dir: &Path, demo_dir: &Path) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "scanflow".to_owned());
    let program = quoted(&program);
    let [own, demo] = [state_dir, demo_dir].map(|path| quoted(&path.display().to_string()));
    let mut text = "What to type next:\n".to_owned();
    for (command, what) in [
        (format!("--state-dir {demo} insights --severity high"), "what is open, the worst first"),
        (format!("--state-dir {demo} insights --state resolved"), "what was repaired"),
        (format!("--state-dir {demo} status"), "how fresh the fleet is, without the time scale"),
        ("checks".to_owned(), "what each check asks, and how to repair what it finds"),
        (format!("--state-dir {own} import PATH"), "a fleet of your own, in a database of its own"),
        (format!("--state-dir {own} run"), "scan it, for ever"),
    ] {
        let _ = writeln!(text, "  {program} {command}\n      {what}"); // a String takes everything
    }
    text
}

/// For a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=~".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_is_quoted() {
        assert_eq!(quoted("target/release/scanflow"), "target/release/scanflow");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        let next = next_steps(Path::new("my state"), Path::new("my state/demo"));
        assert!(next.contains("--state-dir 'my state/demo' insights"), "{next}");
        assert!(next.contains("--state-dir 'my state' import PATH"), "{next}");
    }

    #[test]
    fn a_demo_that_was_stopped_early_has_a_summary() {
        let text = Summary::default().text();
        assert!(text.contains("first insight       not yet\n"), "{text}");
        assert!(text.contains("open insights       none\n"), "{text}");
        assert!(!text.contains("meanwhile"), "{text}");
    }
}

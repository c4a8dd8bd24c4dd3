//! What stands in a cell of a table, and in a field for programs.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use scanflow::model::{Severity, UnixTime};
use scanflow::schedule::LaneSplit;

/// Columns without lines; as wide as the terminal, if there is one.
pub(crate) fn table(header: &[&str], has_color: bool) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if has_color {
        table.enforce_styling();
    }
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table
}

/// Coloured by how bad it is.
pub(crate) fn severity(severity: Severity, has_color: bool) -> Cell {
    let cell = Cell::new(severity);
    match severity {
        _ if !has_color => cell,
        Severity::Critical => cell.fg(Color::Magenta),
        Severity::High => cell.fg(Color::Red),
        Severity::Medium => cell.fg(Color::Yellow),
        Severity::Low | Severity::Info => cell,
    }
}

/// RFC 3339 in UTC, with microseconds.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(time.as_micros());
    humantime::format_rfc3339_micros(time).to_string()
}

/// To the second, for people.
pub(crate) fn time(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(time.as_micros());
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Rounded to its two largest units.
pub(crate) fn length(length: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(length.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// From where on scans are slow, and how much those are.
pub(crate) fn border(split: &LaneSplit) -> String {
    let threshold_ms = (1e4 * split.threshold.as_secs_f64()).round() / 10.0;
    format!("slow above {threshold_ms} ms, {:.0} % of the work", 100.0 * split.work.slow)
}

/// A text that comes from outside, without what would steer a terminal.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for sign in text.chars() {
        // Marks that turn the direction of writing make a name look like another one.
        let turns = matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if sign.is_control() || turns {
            let _ = write!(shown, "{}", sign.escape_default()); // a String takes everything
        } else {
            shown.push(sign);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(shown("a\u{1b}[2Jb\r\n\u{202e}ü"), "a\\u{1b}[2Jb\\r\\n\\u{202e}ü");
    }

    #[test]
    fn times_and_lengths_are_readable() {
        let at = UnixTime::from_micros(1_700_000_000_123_456);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.123456Z");
        assert_eq!(time(at), "2023-11-14T22:13:20Z");
        assert_eq!(length(Duration::from_millis(93_784_005)), "1day 2h");
        assert_eq!(length(Duration::ZERO), "0s");
    }
}

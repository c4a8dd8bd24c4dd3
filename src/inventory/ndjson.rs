//! JSON Lines: an account, a zone or a record a line.
//!
//! Keys that scanflow has no use for are passed over; a value of the wrong type is an error.

use std::borrow::Cow;

use serde::Deserialize;

use super::normalise::{self, RawRecord};
use super::{AccountEntry, Entry, RecordEntry, Subject, ZoneEntry};
use crate::model::{
    AccountSettings, Dnssec, Member, ZoneKind, ZoneSettings, ZoneState, ZoneStatus,
};

mod write;

pub use write::{write_account, write_record, write_zone};

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    Account,
    Zone,
    Record,
}

impl LineKind {
    pub fn from_name(name: &str) -> Option<LineKind> {
        match name {
            "account" => Some(LineKind::Account),
            "zone" => Some(LineKind::Zone),
            "record" => Some(LineKind::Record),
            _ => None,
        }
    }
}

/// Why a line is not taken, and what it would have told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub subject: Subject,
    pub reason: String,
}

impl BadLine {
    /// A line that a reader did not read to its end.
    pub fn too_long() -> BadLine {
        BadLine::unattributed("the line is too long")
    }

    fn unattributed(reason: impl Into<String>) -> BadLine {
        BadLine { subject: Subject::Unknown, reason: reason.into() }
    }
}

/// The version of the form of lines.
const VERSION: u64 = 1;

/// The kind that a line states for itself, in a file where the kinds are mixed.
pub fn kind(line: &[u8]) -> Result<LineKind, BadLine> {
    #[derive(Deserialize)]
    struct Head<'l> {
        #[serde(borrow)]
        kind: Option<Cow<'l, str>>,
        v: Option<serde_json::Value>,
    }
    let text = text(line)?;
    let head: Head<'_> =
        serde_json::from_str(text).map_err(|err| BadLine::unattributed(reason(&err)))?;
    let kind = head.kind.ok_or_else(|| BadLine::unattributed("`kind` is missing"))?;
    let kind = LineKind::from_name(&kind).ok_or_else(|| {
        BadLine::unattributed(format!("`kind` is {kind:?}, not account, zone or record"))
    })?;
    match head.v.map(|v| v.as_u64().ok_or(v)) {
        Some(Ok(VERSION)) => Ok(kind),
        Some(Ok(v)) => Err(attributed(kind, text, format!("`v` is {v}, not {VERSION}"))),
        Some(Err(v)) => Err(attributed(kind, text, format!("`v` is {v}, not {VERSION}"))),
        None => Err(attributed(kind, text, "`v` is missing".to_owned())),
    }
}

/// Reads a line whose kind is known.
pub fn entry(kind: LineKind, line: &[u8]) -> Result<Entry, BadLine> {
    let text = text(line)?;
    let entry = match kind {
        LineKind::Account => account(text).map(Entry::Account),
        LineKind::Zone => zone(text).map(Entry::Zone),
        LineKind::Record => record(text).map(Entry::Record),
    };
    entry.map_err(|reason| attributed(kind, text, reason))
}

fn text(line: &[u8]) -> Result<&str, BadLine> {
    std::str::from_utf8(line).map_err(|err| {
        BadLine::unattributed(format!("invalid UTF-8 at byte {}", err.valid_up_to() + 1))
    })
}

/// The reason without the line number, which is always 1.
fn reason(err: &serde_json::Error) -> String {
    let text = err.to_string();
    text.replacen(" at line 1 column ", " at column ", 1)
}

/// Finds out what a bad line of a known kind is about.
fn attributed(kind: LineKind, text: &str, reason: String) -> BadLine {
    let value = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let id = |key: &str| value.get(key).and_then(|id| id.as_str()).map(str::to_owned);
    let subject = match kind {
        LineKind::Account => Subject::Account(id("id")),
        LineKind::Zone => Subject::Zone(id("id")),
        LineKind::Record => id("zone_id").map_or(Subject::Unknown, Subject::RecordOf),
    };
    BadLine { subject, reason }
}

#[derive(Deserialize)]
struct AccountLine {
    id: String,
    name: String,
    plan: Option<String>,
    tags: Option<Vec<String>>,
    settings: Option<AccountSettings>,
    members: Option<Vec<Member>>,
}

fn account(text: &str) -> Result<AccountEntry, String> {
    let line: AccountLine = serde_json::from_str(text).map_err(|err| reason(&err))?;
    Ok(AccountEntry {
        external_id: line.id,
        name: line.name,
        plan: line.plan,
        tags: line.tags.unwrap_or_default(),
        settings: line.settings,
        members: line.members,
    })
}

#[derive(Deserialize)]
struct ZoneLine {
    id: String,
    account_id: Option<String>,
    name: String,
    records_complete: Option<bool>,
    plan: Option<String>,
    status: Option<ZoneStatus>,
    #[serde(rename = "type")]
    kind: Option<ZoneKind>,
    paused: Option<bool>,
    flattens_apex: Option<bool>,
    tags: Option<Vec<String>>,
    settings: Option<ZoneSettings>,
    dnssec: Option<Dnssec>,
}

fn zone(text: &str) -> Result<ZoneEntry, String> {
    let line: ZoneLine = serde_json::from_str(text).map_err(|err| reason(&err))?;
    Ok(ZoneEntry {
        external_id: line.id,
        account_id: line.account_id.ok_or("a zone without an account: `account_id` is missing")?,
        name: normalise::name(&line.name).map_err(|err| err.to_string())?,
        plan: line.plan,
        state: ZoneState {
            status: line.status,
            kind: line.kind,
            paused: line.paused,
            flattens_apex: line.flattens_apex.unwrap_or(false),
            tags: line.tags.unwrap_or_default(),
        },
        settings: line.settings,
        dnssec: line.dnssec,
        records_complete: line.records_complete.unwrap_or(true),
    })
}

#[derive(Deserialize)]
struct RecordLine<'l> {
    #[serde(borrow)]
    zone_id: Cow<'l, str>,
    #[serde(borrow)]
    name: Cow<'l, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'l, str>,
    #[serde(borrow)]
    content: Cow<'l, str>,
    ttl: Option<u32>,
    priority: Option<u16>,
    proxied: Option<bool>,
    private_routing: Option<bool>,
}

fn record(text: &str) -> Result<RecordEntry, String> {
    let line: RecordLine<'_> = serde_json::from_str(text).map_err(|err| reason(&err))?;
    let record = normalise::record(RawRecord {
        name: &line.name,
        kind: &line.kind,
        content: &line.content,
        priority: line.priority,
        ttl: line.ttl,
        proxied: line.proxied,
        private_routing: line.private_routing.unwrap_or(false),
    });
    let record = record.map_err(|err| err.to_string())?;
    Ok(RecordEntry { zone_id: line.zone_id.into_owned(), record })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(kind: LineKind, line: &str) -> (Subject, String) {
        let bad = entry(kind, line.as_bytes()).expect_err("a bad line");
        (bad.subject, bad.reason)
    }

    #[test]
    fn a_zone_line_may_leave_out_what_is_not_known() {
        let line =
            br#"{"kind":"zone","v":1,"id":"z","account_id":"a","name":"A.Test.","record_count":4}"#;
        assert_eq!(kind(line), Ok(LineKind::Zone));
        let Ok(Entry::Zone(zone)) = entry(LineKind::Zone, line) else { panic!("a zone") };
        assert_eq!((zone.name.as_str(), zone.records_complete), ("a.test", true));
        assert_eq!((zone.plan, zone.settings, zone.state), (None, None, ZoneState::default()));
    }

    #[test]
    fn a_bad_line_says_what_it_is_about_where_it_can() {
        let line = r#"{"zone_id":"z","name":"a.test","type":"A","content":"192.0.2.1","ttl":"x"}"#;
        let (of, reason) = subject(LineKind::Record, line);
        assert_eq!(of, Subject::RecordOf("z".into()));
        assert!(reason.contains("u32") && reason.contains("at column"), "{reason}");
        assert_eq!(subject(LineKind::Record, "{").0, Subject::Unknown);
        let (of, reason) = subject(LineKind::Zone, r#"{"id":"z","name":"a.test"}"#);
        assert_eq!(of, Subject::Zone(Some("z".into())));
        assert!(reason.contains("account_id"), "{reason}");
        let bad = entry(LineKind::Record, b"{\"zone_id\":\"\xff\"}").expect_err("invalid UTF-8");
        assert_eq!(
            (bad.subject, bad.reason.as_str()),
            (Subject::Unknown, "invalid UTF-8 at byte 13")
        );
    }

    #[test]
    fn a_line_of_another_version_is_refused() {
        for (v, said) in [("2", "`v` is 2"), ("\"1\"", "`v` is \"1\""), ("null", "is missing")] {
            let line = format!(r#"{{"kind":"record","v":{v},"zone_id":"z"}}"#);
            let bad = kind(line.as_bytes()).expect_err("another version");
            assert_eq!(bad.subject, Subject::RecordOf("z".into()));
            assert!(bad.reason.contains(said), "{}", bad.reason);
        }
    }
}

//! Lines of the three files `accounts`, `zones` and `records`, as this module reads them.

use serde::Serialize;

use crate::inventory::{AccountEntry, ZoneEntry};
use crate::model::{AccountSettings, Dnssec, Member, Record, ZoneSettings, ZoneState};

#[derive(Serialize)]
struct AccountLine<'e> {
    id: &'e str,
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'e str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'e [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'e AccountSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<&'e [Member]>,
}

/// Appends the line of an account.
pub fn write_account(lines: &mut Vec<u8>, account: &AccountEntry) {
    let AccountEntry { external_id, name, plan, tags, settings, members } = account;
    let plan = plan.as_deref();
    let (settings, members) = (settings.as_ref(), members.as_deref());
    line(lines, &AccountLine { id: external_id, name, plan, tags, settings, members });
}

#[derive(Serialize)]
struct ZoneLine<'e> {
    id: &'e str,
    account_id: &'e str,
    name: &'e str,
    records_complete: bool,
    record_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'e str>,
    #[serde(flatten)]
    state: &'e ZoneState,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'e ZoneSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dnssec: Option<&'e Dnssec>,
}

/// Appends the line of a zone, which says how many records it has.
pub fn write_zone(lines: &mut Vec<u8>, zone: &ZoneEntry, record_count: usize) {
    let ZoneEntry { external_id, account_id, name, .. } = zone;
    let line_of_zone = ZoneLine {
        id: external_id,
        account_id,
        name,
        records_complete: zone.records_complete,
        record_count,
        plan: zone.plan.as_deref(),
        state: &zone.state,
        settings: zone.settings.as_ref(),
        dnssec: zone.dnssec.as_ref(),
    };
    line(lines, &line_of_zone);
}

#[derive(Serialize)]
struct RecordLine<'e> {
    zone_id: &'e str,
    name: &'e str,
    #[serde(rename = "type")]
    kind: &'e str,
    content: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxied: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private_routing: bool,
}

/// Appends the line of a record.
pub fn write_record(lines: &mut Vec<u8>, zone_id: &str, record: &Record) {
    let Record { name, kind, content, priority, ttl, proxied, private_routing } = record;
    let line_of_record = RecordLine {
        zone_id,
        name,
        kind: kind.name(),
        content,
        ttl: *ttl,
        priority: *priority,
        proxied: *proxied,
        private_routing: *private_routing,
    };
    line(lines, &line_of_record);
}

fn line<T: Serialize>(lines: &mut Vec<u8>, object: &T) {
    serde_json::to_writer(&mut *lines, object).expect("the keys are strings, and memory takes all");
    lines.push(b'\n');
}

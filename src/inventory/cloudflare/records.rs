//! `/zones/ID/dns_records`

use serde::Deserialize;

use super::{Answer, Fault, List};
use crate::inventory::RecordEntry;
use crate::inventory::normalise::{self, RawRecord, text_of_strings};

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    content: String,
    #[serde(default)]
    priority: Option<u16>,
    #[serde(default)]
    ttl: Option<u32>,
    #[serde(default)]
    proxied: Option<bool>,
    #[serde(default)]
    private_routing: Option<bool>,
}

/// The records of a page. `zone_id` is that of the request or folder; an answer may state none
/// itself.
///
/// TXT comes with or without quotes. A TTL of 1 is `automatic`.
pub fn records(answer: &Answer, zone_id: Option<&str>) -> List<RecordEntry> {
    let mut list = List { entries: Vec::with_capacity(answer.entries().len()), faults: Vec::new() };
    for (at, value) in answer.entries().iter().enumerate() {
        let own = value.get("zone_id").and_then(|id| id.as_str()).filter(|id| !id.is_empty());
        let zone_id = own.or(zone_id);
        let read = Entry::deserialize(value).map_err(|error| error.to_string());
        match read.and_then(|entry| entry.into_record(zone_id)) {
            Ok(entry) => list.entries.push(entry),
            Err(reason) => {
                let id = value.get("id").and_then(|id| id.as_str()).unwrap_or_default();
                let at = format!("result[{at}] {id}").trim_end().to_owned();
                list.faults.push(Fault { at, zone_id: zone_id.map(str::to_owned), reason });
            }
        }
    }
    list
}

impl Entry {
    fn into_record(self, zone_id: Option<&str>) -> Result<RecordEntry, String> {
        let zone_id = zone_id.ok_or("neither the record nor its place states a zone")?.to_owned();
        let joined =
            self.kind.eq_ignore_ascii_case("TXT").then(|| text_of_strings(&self.content)).flatten();
        let record = normalise::record(RawRecord {
            name: &self.name,
            kind: &self.kind,
            content: joined.as_deref().unwrap_or(&self.content),
            priority: self.priority,
            ttl: self.ttl,
            proxied: self.proxied,
            private_routing: self.private_routing.unwrap_or(false),
        });
        Ok(RecordEntry { zone_id, record: record.map_err(|error| error.to_string())? })
    }
}

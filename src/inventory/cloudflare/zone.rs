//! `/zones`, `/zones/ID/settings` and `/zones/ID/dnssec`

use serde::Deserialize;
use serde_json::Value;

use super::answer::wrong;
use super::{Answer, AnswerError, List};
use crate::inventory::{ZoneEntry, normalise};
use crate::model::{Dnssec, ZoneKind, ZoneSettings, ZoneState, ZoneStatus};

/// A zone and what it says of its account, of which there may be no other word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub entry: ZoneEntry,
    pub account_name: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<ZoneKind>,
    #[serde(default)]
    paused: Option<bool>,
    account: Account,
    #[serde(default)]
    plan: Option<Plan>,
}

#[derive(Deserialize)]
struct Account {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    legacy_id: Option<String>,
}

/// The zones of a page, without the facets that have answers of their own.
///
/// The records of a partial zone, which is served elsewhere, are never complete.
pub fn zones(answer: &Answer) -> List<Zone> {
    answer.list(|zone: Entry| {
        let state = ZoneState {
            status: zone.status.as_deref().map(status).transpose()?,
            kind: zone.kind,
            paused: zone.paused,
            flattens_apex: true,
            tags: Vec::new(),
        };
        let entry = ZoneEntry {
            external_id: zone.id,
            account_id: zone.account.id,
            name: normalise::name(&zone.name).map_err(|error| error.to_string())?,
            plan: zone.plan.and_then(|plan| plan.legacy_id),
            state,
            settings: None,
            dnssec: None,
            records_complete: zone.kind != Some(ZoneKind::Partial),
        };
        Ok(Zone { entry, account_name: zone.account.name })
    })
}

/// A zone that Cloudflare no longer serves is one that moved away.
fn status(text: &str) -> Result<ZoneStatus, String> {
    Ok(match text {
        "initializing" => ZoneStatus::Initializing,
        "pending" => ZoneStatus::Pending,
        "active" | "read only" => ZoneStatus::Active,
        "moved" | "deleted" | "deactivated" | "purged" => ZoneStatus::Moved,
        _ => return Err(format!("{text:?} is no status of a zone")),
    })
}

/// The settings of a zone, of a list or of one setting.
pub fn settings(answer: &Answer) -> Result<ZoneSettings, AnswerError> {
    let mut settings = ZoneSettings::default();
    for (at, setting) in answer.entries().iter().enumerate() {
        let at = format!("result[{at}]");
        let id = setting.get("id").and_then(Value::as_str);
        let id = id.ok_or_else(|| wrong(&at, "a setting without an `id`"))?;
        let value =
            setting.get("value").ok_or_else(|| wrong(&at, format!("{id} has no `value`")))?;
        if id == "min_tls_version" {
            let version = Option::deserialize(value);
            settings.min_tls_version =
                version.map_err(|error| wrong(&at, format!("min_tls_version: {error}")))?;
        } else {
            settings.other.insert(id.to_owned(), value.clone());
        }
    }
    Ok(settings)
}

/// What the provider says of a zone's signing.
pub fn dnssec(answer: &Answer) -> Result<Dnssec, AnswerError> {
    if !answer.result.is_object() {
        return Err(wrong("result", "not an object with the `status` of DNSSEC"));
    }
    Dnssec::deserialize(&answer.result).map_err(|error| wrong("result", error.to_string()))
}

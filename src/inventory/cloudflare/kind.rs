//! Which answer a document is.

use serde_json::Value;

use super::{Answer, AnswerError};

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `/zones`, or one zone.
    Zones,
    /// `/zones/ID/dns_records`
    Records,
    /// `/zones/ID/settings`, or one setting.
    Settings,
    /// `/zones/ID/dnssec`
    Dnssec,
    /// `/accounts`, or one account.
    Accounts,
    /// `/accounts/ID/members`
    Members,
}

impl Answer {
    /// Which answer this is: by the fields of its first entry, else by its place in the layout of
    /// [`super`], as for an empty list. `path` has `/` between its parts.
    pub fn kind(&self, path: &str) -> Result<Kind, AnswerError> {
        let by_fields = self.entries().first().and_then(kind_by_fields);
        by_fields.or_else(|| kind_by_path(path)).ok_or(AnswerError::Unrecognised)
    }
}

fn kind_by_fields(entry: &Value) -> Option<Kind> {
    let fields = entry.as_object()?;
    let has = |name: &str| fields.contains_key(name);
    if has("content") && has("type") && has("name") {
        Some(Kind::Records)
    } else if has("name") && has("status") && (has("account") || has("name_servers")) {
        Some(Kind::Zones)
    } else if has("roles") || has("user") || has("policies") {
        Some(Kind::Members)
    } else if has("id") && has("value") {
        Some(Kind::Settings)
    } else if has("status") && (has("ds") || has("algorithm") || has("key_tag")) {
        Some(Kind::Dnssec)
    } else if has("id") && has("name") && (has("settings") || has("created_on")) && !has("status") {
        Some(Kind::Accounts)
    } else {
        None
    }
}

fn kind_by_path(path: &str) -> Option<Kind> {
    let mut parts = path.rsplit('/');
    let file = parts.next()?;
    let stem = file.strip_suffix(".json").unwrap_or(file);
    let (above, top) = (parts.next(), parts.next());
    let is = |name: &str| stem.starts_with(name);
    Some(match (top, above) {
        (Some("accounts"), Some(_)) if is("members") => Kind::Members,
        (Some("zones"), Some(_)) if is("settings") => Kind::Settings,
        (Some("zones"), Some(_)) if is("dnssec") => Kind::Dnssec,
        (_, Some("accounts")) => Kind::Accounts,
        _ if is("dns_records") => Kind::Records,
        _ if is("zones") => Kind::Zones,
        _ if is("accounts") => Kind::Accounts,
        _ => return None,
    })
}

/// The id of the zone or account that an answer is about, `zones/ID/..` and `accounts/ID/..`.
pub fn subject_of_path(path: &str) -> Option<&str> {
    let mut parts = path.rsplit('/').skip(1);
    let (id, folder) = (parts.next()?, parts.next()?);
    (matches!(folder, "zones" | "accounts") && !id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_known_by_its_fields_or_its_place() {
        let kind = |path: &str, result: Value| {
            let text = json!({"success": true, "result": result}).to_string();
            Answer::parse(text.as_bytes()).unwrap().kind(path)
        };
        let record = json!([{"id": "1", "name": "a", "type": "A", "content": "x", "status": "x", "account": 1}]);
        assert_eq!(kind("any.json", record), Ok(Kind::Records));
        assert_eq!(kind("x/y.json", json!({"status": "active", "ds": null})), Ok(Kind::Dnssec));
        for (path, expected) in [
            ("zones.json", Kind::Zones),
            ("out/zones-page-2.json", Kind::Zones),
            ("zones/1c/dns_records.json", Kind::Records),
            ("dns_records-page-1.json", Kind::Records),
            ("out/zones/1c/settings.json", Kind::Settings),
            ("zones/1c/dnssec.json", Kind::Dnssec),
            ("accounts/0a.json", Kind::Accounts),
            ("accounts/0a/members-2.json", Kind::Members),
        ] {
            assert_eq!(kind(path, json!([])), Ok(expected), "{path}");
        }
        assert_eq!(kind("settings.json", json!([])), Err(AnswerError::Unrecognised));
        assert_eq!(kind("other.json", json!([1])), Err(AnswerError::Unrecognised));
    }

    #[test]
    fn the_folder_says_whose_answer_it_is() {
        assert_eq!(subject_of_path("out/zones/1c/settings.json"), Some("1c"));
        assert_eq!(subject_of_path("accounts/0a/members.json"), Some("0a"));
        assert_eq!(subject_of_path("accounts/0a.json"), None);
        assert_eq!(subject_of_path("zones//settings.json"), None);
        assert_eq!(subject_of_path("settings.json"), None);
    }
}

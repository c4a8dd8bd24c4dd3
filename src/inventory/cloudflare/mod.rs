//! Answers of Cloudflare's API (v4), kept as files.
//!
//! The layout of a folder, each name below any other folder: `zones*.json` (pages of `/zones`),
//! `accounts*.json`, `accounts/ID.json`, `accounts/ID/members*.json`, `zones/ID/dns_records*.json`,
//! `zones/ID/settings.json`, `zones/ID/dnssec.json`. Pages of records may lie anywhere if each
//! record states its `zone_id`, which newer versions of the API do not.
//!
//! A file is read in three steps: [`Answer::parse`], [`Answer::kind`], and the function of the kind,
//! such as [`records`]. [`Pages`] says whether the pages of a list are all there.

mod account;
mod answer;
mod kind;
mod pages;
mod records;
mod zone;

pub use account::{accounts, members};
pub use answer::{Answer, AnswerError, Fault, List};
pub use kind::{Kind, subject_of_path};
pub use pages::{PageInfo, Pages};
pub use records::records;
pub use zone::{Zone, dnssec, settings, zones};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "active|full|A|TXT|1.2|accepted|192.0.2.1|a.test|\"a\" \"b\"|.{0,8}"
                .prop_map(Into::into),
        ];
        let keys = "id|name|type|content|ttl|priority|proxied|status|account|plan|legacy_id|settings|\
                    user|email|roles|value|zone_id|enforce_twofactor|result|success|errors|\
                    result_info|page|total_pages|total_count|paused";
        leaf.prop_recursive(5, 48, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(keys, inner, 0..10)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_is_read_or_refused(result in json(), info in json(), path in "(zones/)?.{0,12}") {
            let document = serde_json::json!({"success": true, "result": result, "result_info": info});
            let text = serde_json::to_vec(&document).unwrap();
            if let Ok(answer) = Answer::parse(&text) {
                let _ = (answer.kind(&path), subject_of_path(&path));
                let _ = (zones(&answer), records(&answer, None), records(&answer, Some("z")));
                let _ = (settings(&answer), dnssec(&answer), accounts(&answer), members(&answer));
                let mut pages = Pages::default();
                pages.add(answer.page(), 3);
                pages.missing();
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = Answer::parse(text.as_bytes());
        }
    }
}

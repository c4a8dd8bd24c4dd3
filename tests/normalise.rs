//! Real records in the neutral form of the shared data are in the form of `normalise` already.

use std::io::{BufRead, BufReader};

use scanflow::inventory::normalise::{self, RawRecord};

/// What the shared data has in another form: 70 names and targets in the municipal survey that are
/// U-labels or have needless escapes, one IPv6 address with its zeros, one SOA with final dots.
#[test]
fn real_records_are_their_own_form() {
    let mut changed = Vec::new();
    for source in ["dotgov", "dotgov-zone", "hackclub", "is-a-dev", "moj", "municipal"] {
        let Some(path) = scanflow_testing::shared_data(&format!("{source}/records.jsonl.zst"))
        else {
            return;
        };
        let file = std::fs::File::open(path).unwrap();
        for line in BufReader::new(zstd::Decoder::new(file).unwrap()).lines() {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let field = |name: &str| line[name].as_str().unwrap();
            let (name, kind, content) = (field("name"), field("type"), field("content"));
            let record = normalise::record(RawRecord {
                name,
                kind,
                content,
                priority: line["priority"].as_u64().map(|priority| priority as u16),
                ttl: line["ttl"].as_u64().map(|ttl| ttl as u32),
                proxied: line["proxied"].as_bool(),
                private_routing: false,
            });
            let record = record.unwrap_or_else(|error| panic!("{line}: {error}"));
            if (record.name.as_str(), record.content.as_str()) != (name, content) {
                changed
                    .push(format!("{name} {kind} {content} -> {} {}", record.name, record.content));
            }
        }
    }
    let is_expected = |change: &String| {
        !change.is_ascii()
            || change.contains(" AAAA ")
            || change.contains(" SOA ")
            || change.contains("\\@")
    };
    let unexpected: Vec<_> = changed.iter().filter(|change| !is_expected(change)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert!((1..=100).contains(&changed.len()), "{changed:#?}");
}

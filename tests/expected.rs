//! All checks over real fleets, against the sets that an independent judge expects in them. Each
//! source is a fleet of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scanflow::checks::{self, concerns, evaluate};
use scanflow::model::{
    AccountSnapshot, AssetId, AssetKind, ConfigVersion, Facet, Record, RecordType, Snapshot,
    UnknownReason, Verdict, ZoneSnapshot,
};
use scanflow::store::load_with_references;
use scanflow::store::memory::Memory;
use scanflow_testing::{
    Expected, Subject, assert_same, json_lines as lines, json_text as text, shared_data,
};
use serde_json::Value;

/// What no source states.
const NEVER_KNOWN: [(&str, Facet); 2] =
    [("zone.tls_min_version", Facet::Settings), ("account.mfa_not_enforced", Facet::Account)];

#[test]
fn dotgov() {
    finds_what_is_expected("dotgov", true);
}

#[test]
fn dotgov_zone() {
    finds_what_is_expected("dotgov-zone", false);
}

#[test]
fn is_a_dev() {
    finds_what_is_expected("is-a-dev", false);
}

#[test]
fn is_a_dev_fleet() {
    finds_what_is_expected("is-a-dev-fleet", false);
}

#[test]
fn moj() {
    finds_what_is_expected("moj", false);
}

#[test]
fn hackclub() {
    finds_what_is_expected("hackclub", false);
}

#[test]
fn municipal() {
    finds_what_is_expected("municipal", true);
}

/// `is_partial`: the source shows only some records of each of its zones.
fn finds_what_is_expected(source: &str, is_partial: bool) {
    let Some(expected) = Expected::of(source) else { return };
    let folder = shared_data(source).expect("lies beside what is expected of it");
    let fleet = Fleet::read(&folder);
    let snapshots = fleet.snapshots();
    let (mut found, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for (asset, snapshot) in &snapshots {
        assert_eq!(snapshot.kind() == AssetKind::Zone && !snapshot.records_complete(), {
            is_partial && snapshot.kind() == AssetKind::Zone
        });
        for check in checks::ALL.iter().filter(|check| concerns(**check, snapshot.kind())) {
            let about = check.about();
            let id = about.id.as_str();
            let verdict = evaluate(*check, snapshot);
            if let Some((_, facet)) = NEVER_KNOWN.iter().find(|(known, _)| *known == id) {
                assert_eq!(verdict, Verdict::unknown(UnknownReason::Lacks(*facet)), "{id}");
                continue;
            }
            if is_partial && about.fires_on_absence {
                assert_eq!(verdict, Verdict::unknown(UnknownReason::Partial), "{id}");
            }
            let name = &fleet.external_ids[asset];
            if let Verdict::Unknown { reason, .. } = verdict
                && reason != UnknownReason::Partial
            {
                unknown.insert((id.to_owned(), name.clone()));
            }
            for finding in verdict.into_findings() {
                assert!(found.insert((id.to_owned(), name.clone(), finding.subject)), "twice");
            }
        }
    }
    assert_same("fails", &found, &expected.fails);
    let open: BTreeSet<Subject> = expected.unknown.intersection(&found).cloned().collect();
    assert_same("unknown, yet found", &open, &BTreeSet::new());
    let expected = expected.unknown.into_iter().map(|(check, zone, _)| (check, zone));
    assert_same("unknown", &unknown, &expected.collect());
}

/// One source in the form of the data's README.
struct Fleet {
    store: Memory,
    external_ids: BTreeMap<AssetId, String>,
}

impl Fleet {
    fn read(folder: &Path) -> Fleet {
        let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for line in lines(&folder.join("records.jsonl.zst")) {
            records.entry(text(&line, "zone_id")).or_default().push(record(&line));
        }
        let mut external_ids = BTreeMap::new();
        let mut assets = Vec::new();
        for line in lines(&folder.join("accounts.jsonl.zst")) {
            let asset = AssetId(external_ids.len() as i64);
            assets.push(Snapshot::Account(AccountSnapshot {
                asset,
                config_version: ConfigVersion(1),
                external_id: text(&line, "id"),
                name: text(&line, "name"),
                plan: text(&line, "plan"),
                tags: Vec::new(),
                settings: None,
                members: None,
            }));
            external_ids.insert(asset, text(&line, "id"));
        }
        for line in lines(&folder.join("zones.jsonl.zst")) {
            let asset = AssetId(external_ids.len() as i64);
            let mut zone = ZoneSnapshot::from_text(asset, &text(&line, "name"), "");
            zone.records_complete = line["records_complete"].as_bool().expect("stated");
            let own = records.remove(&text(&line, "id")).unwrap_or_default();
            zone.records = own.into_iter().collect();
            assert_eq!(zone.records.len() as u64, line["record_count"].as_u64().expect("stated"));
            assets.push(Snapshot::Zone(zone));
            external_ids.insert(asset, text(&line, "id"));
        }
        assert!(records.is_empty(), "records of no zone");
        Fleet { store: Memory::new(assets), external_ids }
    }

    fn snapshots(&self) -> BTreeMap<AssetId, Snapshot> {
        let assets: Vec<AssetId> = self.external_ids.keys().copied().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let loading = load_with_references(&self.store, checks::ALL, &assets);
        runtime.block_on(loading).expect("memory does not fail")
    }
}

fn record(line: &Value) -> Record {
    let number = |key: &str| line[key].as_u64();
    Record {
        priority: number("priority").map(|priority| priority.try_into().expect("16 bits")),
        ttl: number("ttl").map(|ttl| ttl.try_into().expect("32 bits")),
        proxied: line["proxied"].as_bool(),
        ..Record::new(
            text(line, "name"),
            RecordType::from_name(&text(line, "type")),
            text(line, "content"),
        )
    }
}

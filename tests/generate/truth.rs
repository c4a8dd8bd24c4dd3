//! What a fleet says must be found is what the checks find in it.

use std::collections::{BTreeMap, BTreeSet};

use scanflow::checks::{self, concerns, evaluate};
use scanflow::generate::{Expected, ExpectedVerdict, Fleet, Shape};
use scanflow::inventory::normalise::{self, RawRecord};
use scanflow::inventory::{AccountEntry, ZoneEntry};
use scanflow::model::{
    AccountSnapshot, AssetId, ConfigVersion, Record, Snapshot, UnknownReason, Verdict, ZoneSnapshot,
};
use scanflow::store::load_with_references;
use scanflow::store::memory::Memory;
use scanflow_testing::{Subject, assert_same};

#[test]
fn of_seed_1() {
    the_truth_is_what_is_found(&Shape { seed: 1, ..Shape::default() });
}

#[test]
fn of_seed_2_with_a_giant() {
    let shape = Shape { seed: 2, giant_records: Some(100_000), ..Shape::default() };
    the_truth_is_what_is_found(&shape);
}

#[test]
fn of_seed_3_with_partial_records() {
    the_truth_is_what_is_found(&Shape { seed: 3, partial: 0.3, ..Shape::default() });
}

#[test]
fn of_shapes_at_their_ends() {
    let none = Shape { settings: 0.0, members: 0.0, proxied: 0.0, ..Shape::default() };
    let all = Shape { settings: 1.0, old_tls: 1.0, proxied: 1.0, ..Shape::default() };
    for shape in [none, all] {
        the_truth_is_what_is_found(&Shape { zones: 500, seed: 4, ..shape });
    }
}

fn the_truth_is_what_is_found(shape: &Shape) {
    let mut truth = Truth::default();
    let store = truth.gather(shape);
    let (mut found, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    let assets: Vec<AssetId> = truth.ids.keys().copied().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for assets in assets.chunks(1_000) {
        let loading = load_with_references(&store, checks::ALL, assets);
        let snapshots = runtime.block_on(loading).expect("memory does not fail");
        for (asset, snapshot) in &snapshots {
            for check in checks::ALL.iter().filter(|check| concerns(**check, snapshot.kind())) {
                let id = check.about().id.as_str();
                let name = &truth.ids[asset];
                let verdict = evaluate(*check, snapshot);
                if let Verdict::Unknown { reason, .. } = verdict
                    && reason != UnknownReason::Partial
                {
                    unknown.insert((id.to_owned(), name.clone()));
                }
                for finding in verdict.into_findings() {
                    let subject = (id.to_owned(), name.clone(), finding.subject);
                    assert!(found.insert(subject), "twice");
                }
            }
        }
    }
    assert_same("fails", &found, &truth.fails);
    assert_same("unknown", &unknown, &truth.unknown);
    for check in checks::ALL {
        let id = check.about().id.as_str();
        let is_planted = truth.fails.iter().any(|(check, ..)| check == id);
        assert!(is_planted || shape.zones < 1_000, "{id}: nothing is planted");
    }
}

#[derive(Default)]
struct Truth {
    ids: BTreeMap<AssetId, String>,
    fails: BTreeSet<Subject>,
    /// Check and asset.
    unknown: BTreeSet<(String, String)>,
}

impl Truth {
    fn gather(&mut self, shape: &Shape) -> Memory {
        let fleet = Fleet::new(shape.clone()).expect("a shape");
        let mut snapshots = Vec::new();
        for account in fleet.accounts() {
            let asset = self.take(&account.entry.external_id, &account.expected);
            snapshots.push(account_snapshot(asset, &account.entry));
            for zone in account.zones() {
                let asset = self.take(&zone.entry.external_id, &zone.expected);
                let count = zone.records.len();
                let snapshot = zone_snapshot(asset, &zone.entry, zone.records);
                assert_eq!(snapshot.records(), count, "{}: a record stands twice", zone.entry.name);
                snapshots.push(snapshot);
            }
        }
        Memory::new(snapshots)
    }

    fn take(&mut self, id: &str, expected: &[Expected]) -> AssetId {
        let asset = AssetId(self.ids.len() as i64);
        self.ids.insert(asset, id.to_owned());
        for Expected { check, subject, verdict } in expected {
            let check = (*check).to_owned();
            match verdict {
                ExpectedVerdict::Fail => {
                    let fail = (check, id.to_owned(), subject.clone());
                    assert!(self.fails.insert(fail), "twice: {id} {subject}");
                }
                ExpectedVerdict::Unknown => drop(self.unknown.insert((check, id.to_owned()))),
            }
        }
        asset
    }
}

fn account_snapshot(asset: AssetId, entry: &AccountEntry) -> Snapshot {
    Snapshot::Account(AccountSnapshot {
        asset,
        config_version: ConfigVersion(1),
        external_id: entry.external_id.clone(),
        name: entry.name.clone(),
        plan: entry.plan.clone().expect("a plan"),
        tags: entry.tags.clone(),
        settings: entry.settings.clone(),
        members: entry.members.clone(),
    })
}

fn zone_snapshot(asset: AssetId, entry: &ZoneEntry, records: Vec<Record>) -> Snapshot {
    let mut zone = ZoneSnapshot::from_text(asset, &entry.name, "");
    zone.state = entry.state.clone();
    zone.settings = entry.settings.clone();
    zone.dnssec = entry.dnssec.clone();
    zone.records_complete = entry.records_complete;
    zone.records = records.into_iter().collect();
    Snapshot::Zone(zone)
}

#[test]
fn records_have_the_form_that_an_import_gives_them() {
    let shape = Shape { zones: 2_000, ..Shape::default() };
    for account in Fleet::new(shape).expect("a shape").accounts() {
        for zone in account.zones() {
            assert_eq!(normalise::name(&zone.entry.name).as_ref(), Ok(&zone.entry.name));
            for record in zone.records {
                let raw = RawRecord {
                    name: &record.name,
                    kind: record.kind.name(),
                    content: &record.content,
                    priority: record.priority,
                    ttl: record.ttl,
                    proxied: record.proxied,
                    private_routing: record.private_routing,
                };
                assert_eq!(normalise::record(raw), Ok(record.clone()));
                assert!(scanflow::model::is_at_or_below(&record.name, &zone.entry.name));
            }
        }
    }
}

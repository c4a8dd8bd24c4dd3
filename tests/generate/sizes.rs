//! A fleet is as large and as mixed as it is said to be.

use std::collections::{BTreeMap, BTreeSet};

use scanflow::generate::{Fleet, Shape, Zone};
use scanflow::model::RecordType;

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[test]
fn zones_records_and_types_are_as_frequent_as_they_were_counted() {
    let shape = Shape { zones: 20_000, seed: 9, giant_records: Some(50_000), ..Shape::default() };
    let (mut zones_of, mut sizes, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut parked, mut mail, mut caa) = (0, 0, 0);
    let mut types: BTreeMap<RecordType, usize> = BTreeMap::new();
    for account in Fleet::new(shape).expect("a shape").accounts() {
        let (mut zones, mut records, mut templates) = (0, 0, 0);
        for Zone { entry, records: set, .. } in account.zones() {
            assert_eq!(entry.account_id, account.entry.external_id);
            assert!(names.insert(entry.name.clone()), "{} stands twice", entry.name);
            let is_parked = set.iter().any(|record| record.name.starts_with("*._domainkey."));
            templates += usize::from(is_parked);
            if !is_parked {
                sizes.push(set.len());
                let at_apex = |kind: RecordType| {
                    set.iter().any(|record| record.kind == kind && record.name == entry.name)
                };
                mail += usize::from(at_apex(RecordType::Mx));
                caa += usize::from(at_apex(RecordType::Caa));
                for record in &set {
                    *types.entry(record.kind.clone()).or_default() += 1;
                }
            }
            zones += 1;
            records += set.len();
        }
        let plan = match (records, zones) {
            (2_001.., _) | (_, 201..) => "enterprise",
            (201.., _) | (_, 21..) => "business",
            (21.., _) | (_, 3..) => "pro",
            _ => "free",
        };
        assert_eq!(account.entry.plan.as_deref(), Some(plan), "{records} in {zones}");
        let is_large = zones > 100;
        assert!(!is_large || (0.6..0.95).contains(&share(templates, zones)), "{templates}/{zones}");
        assert!(is_large || templates == 0);
        parked += templates;
        zones_of.push(zones);
    }
    assert_eq!((names.len(), sizes.len() + parked), (20_000, 20_000));
    zones_of.sort_unstable();
    sizes.sort_unstable();
    let single = share(zones_of.partition_point(|zones| *zones == 1), zones_of.len());
    assert!((0.93..0.95).contains(&single), "{single}");
    assert!((400..=1_000).contains(zones_of.last().expect("accounts")));
    let at = |share: f64| sizes[(sizes.len() as f64 * share) as usize];
    assert!((8..=10).contains(&at(0.5)), "{}", at(0.5));
    assert!((800..1_200).contains(&at(0.99)), "{}", at(0.99));
    let [.., heavy, giant] = sizes[..] else { panic!("two zones") };
    assert!((5_000..=50_000).contains(&heavy), "{heavy}");
    assert_eq!(giant, 50_000);
    assert!((0.34..0.44).contains(&share(mail, sizes.len())), "{mail}");
    assert!((0.14..0.22).contains(&share(caa, sizes.len())), "{caa}");
    let total: usize = types.values().sum();
    for (kind, low, high) in [
        (RecordType::Cname, 0.45, 0.56),
        (RecordType::A, 0.22, 0.32),
        (RecordType::Ns, 0.05, 0.09),
        (RecordType::Txt, 0.05, 0.10),
        (RecordType::Aaaa, 0.015, 0.04),
        (RecordType::Mx, 0.015, 0.04),
        (RecordType::Srv, 0.005, 0.02),
        (RecordType::Alias, 0.005, 0.02),
        (RecordType::Caa, 0.002, 0.02),
    ] {
        let found = share(types[&kind], total);
        assert!((low..high).contains(&found), "{kind}: {found}");
    }
}

#[test]
fn the_number_of_zones_is_exact_and_no_fleet_is_without_records() {
    for zones in [1, 2, 7, 100] {
        for seed in 0..20 {
            let fleet = Fleet::new(Shape { zones, seed, ..Shape::default() }).expect("a shape");
            let accounts: Vec<_> = fleet.accounts().collect();
            let made: Vec<Zone> = accounts.iter().flat_map(|account| account.zones()).collect();
            assert_eq!(made.len() as u64, zones);
            assert!(!made[0].records.is_empty());
        }
    }
}

#[test]
fn an_account_is_the_same_whatever_was_taken_before() {
    let shape = Shape { zones: 300, ..Shape::default() };
    let fleet = Fleet::new(shape).expect("a shape");
    let all: Vec<_> = fleet.accounts().collect();
    let zone = |index: usize| all[index].zones().next().expect("a zone");
    let (late, early) = (zone(200), zone(3));
    assert_eq!((zone(3).records, zone(200).records), (early.records, late.records));
    let other = fleet.accounts().nth(200).expect("an account");
    assert_eq!(other.entry, all[200].entry);
    assert_eq!(other.zones().next().expect("a zone").expected, late.expected);
}

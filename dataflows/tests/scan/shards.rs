//! Zones in shards: what is found, and what is left alone when a shard is lost or the zone changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use scanflow::model::{
    AssetId, CheckId, OwnerRange, Record, RecordType, Reference, Snapshot, TlsVersion,
    ZoneSettings, ZoneSnapshot,
};
use scanflow::sinks;
use scanflow::store::{Shards, SnapshotStore, StoreError, memory};
use timely::CommunicationConfig;

use crate::fleet::{Dice, FAST, SLOW, by_loop};
use crate::{WORKERS, job, run};

/// Zones with names at several depths, of which each may be an alias of another one, a mail domain, a
/// zone cut or a wildcard; some of them hold more than is kept in memory.
fn zones(dice: &mut Dice, count: i64) -> Vec<Snapshot> {
    (0..count).map(|asset| Snapshot::Zone(zone(dice, asset))).collect()
}

fn zone(dice: &mut Dice, asset: i64) -> ZoneSnapshot {
    let mut lines = String::new();
    let name = |dice: &mut Dice| {
        let labels = ["a", "b", "mail", "_dmarc", "*", "*.sub", "x.sub", "_dmarc.mail", "w.x.sub"];
        dice.pick(&labels)
    };
    for _ in 0..dice.below(60) {
        let owner = if dice.below(6) == 0 { "@" } else { name(dice) };
        let content = match dice.below(9) {
            0 => "A 192.0.2.1".to_owned(),
            1 => format!("A 10.0.0.{}", dice.below(9)),
            2 => "MX 10 mail.example".to_owned(),
            3 => "TXT v=spf1 +all".to_owned(),
            4 => "TXT v=DMARC1; p=none".to_owned(),
            5 => "NS ns.example".to_owned(),
            6 => "CAA 0 issue \"ca.example\"".to_owned(),
            7 => format!("CNAME {}.zone{asset}.example", name(dice)),
            _ => format!("CNAME {}.zone{}.example", name(dice), dice.below(4)),
        };
        lines += &format!("{owner} {content}\n");
    }
    let hosts = if asset == 0 { 1_600 } else { 0 };
    (0..hosts).for_each(|host| lines += &format!("host-{host} A 10.1.0.1\n"));
    let name = format!("zone{asset}.example");
    let mut zone = ZoneSnapshot::from_text(AssetId(asset), &name, &lines);
    zone.records_complete = dice.below(8) != 0;
    let flags: &[Option<bool>] = dice.pick(&[&[None], &[None, Some(false)], &[None, Some(true)]]);
    let records = std::mem::take(&mut zone.records).into_vec().into_iter();
    zone.records = records.map(|record| Record { proxied: dice.pick(flags), ..record }).collect();
    let min_tls_version = [None, Some(TlsVersion::V1_0)][dice.below(2)];
    zone.settings = Some(ZoneSettings { min_tls_version, ..ZoneSettings::default() });
    zone
}

#[test]
fn shards_find_what_a_whole_zone_finds_at_any_size_and_on_any_worker() {
    for seed in 0..4 {
        for workers in WORKERS {
            let mut dice = Dice(seed);
            let zones = zones(&mut dice, 24);
            let assets: Vec<AssetId> = zones.iter().map(Snapshot::asset).collect();
            let store = memory::Memory::new(zones);
            let sink = sinks::memory::Memory::default();
            let shard_records = 1 + dice.below(40);
            let case = format!("seed {seed}, {workers:?}, {shard_records} records a shard");
            let scan = |round, lane| {
                let listed = (0..24).map(|asset| (asset, lane)).collect();
                let mut job = job(store.clone(), sink.clone(), listed, round);
                job.config.shard_records = shard_records;
                let summary = run(workers.clone(), job);
                assert_eq!(summary.open_tickets, 0, "{case}");
                (sink.open(), sink.history())
            };
            let (open, opened) = scan(1, SLOW);
            let expected = by_loop(&store, &assets, scanflow::checks::ALL);
            assert_eq!(open, expected, "{case}");
            // Whole, and in shards again: equal digests, or the history would go on.
            assert_eq!(scan(2, FAST), (expected.clone(), opened.clone()), "{case}");
            assert_eq!(scan(3, SLOW), (expected, opened), "{case}");
        }
    }
}

/// A store in which something happens while a zone is read in shards, and which counts how often one is cut.
struct Disturbed {
    inner: memory::Memory,
    read: AtomicUsize,
    cut: Arc<AtomicUsize>,
    disturb: fn(&memory::Memory, usize) -> Result<(), StoreError>,
}

#[async_trait]
impl SnapshotStore for Disturbed {
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
        self.inner.load(assets).await
    }

    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError> {
        self.inner.resolve(names).await
    }

    async fn cut(&self, asset: AssetId, records_max: usize) -> Result<Option<Shards>, StoreError> {
        self.cut.fetch_add(1, Ordering::SeqCst);
        self.inner.cut(asset, records_max).await
    }

    async fn load_shard(
        &self,
        asset: AssetId,
        owners: &OwnerRange,
    ) -> Result<Option<Snapshot>, StoreError> {
        (self.disturb)(&self.inner, self.read.fetch_add(1, Ordering::SeqCst))?;
        self.inner.load_shard(asset, owners).await
    }
}

const ZONE: AssetId = AssetId(1);
const PRIVATE: CheckId = CheckId::new("dns.private_address");
const TLS: CheckId = CheckId::new("zone.tls_min_version");

fn a_zone() -> memory::Memory {
    a_zone_of(9)
}

/// So many hosts with private addresses, and one more record.
fn a_zone_of(hosts: usize) -> memory::Memory {
    let lines: Vec<String> = (0..hosts).map(|host| format!("host-{host} A 10.0.0.1")).collect();
    let mut zone = ZoneSnapshot::from_text(ZONE, "a.test", &lines.join("\n"));
    let www = Record::new("www.a.test", RecordType::A, "192.0.2.9");
    let mut records = std::mem::take(&mut zone.records).into_vec();
    records.push(Record { proxied: Some(true), ..www });
    zone.records = records.into_iter().collect();
    let min_tls_version = Some(TlsVersion::V1_0);
    zone.settings = Some(ZoneSettings { min_tls_version, ..ZoneSettings::default() });
    memory::Memory::new([Snapshot::Zone(zone)])
}

/// Scans the zone in shards of two owners; returns what is open: private addresses, and old TLS.
fn scan(
    inner: &memory::Memory,
    sink: &sinks::memory::Memory,
    round: u64,
    disturb: fn(&memory::Memory, usize) -> Result<(), StoreError>,
) -> (usize, bool) {
    let (found, cuts) = scan_in_shards_of(2, inner, sink, round, disturb);
    assert!(0 < cuts);
    found
}

/// As [`scan`], and how often the zone was cut.
fn scan_in_shards_of(
    shard_records: usize,
    inner: &memory::Memory,
    sink: &sinks::memory::Memory,
    round: u64,
    disturb: fn(&memory::Memory, usize) -> Result<(), StoreError>,
) -> ((usize, bool), usize) {
    let mut job = job(inner.clone(), sink.clone(), vec![(ZONE.0, SLOW)], round);
    job.config.shard_records = shard_records;
    let (read, cut) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (inner, cuts) = (inner.clone(), Arc::clone(&cut));
    job.stores.slow = Arc::new(Disturbed { inner, read, cut, disturb });
    let summary = run(CommunicationConfig::Process(2), job);
    assert_eq!((summary.open_tickets, summary.stats.emitted), (0, 1));
    let open = sink.open();
    let of = |id: CheckId| open.keys().filter(|(_, check, _)| *check == id).count();
    ((of(PRIVATE), of(TLS) == 1), cuts.load(Ordering::SeqCst))
}

/// Of nine hosts the first is left, and TLS is new.
fn repair(store: &memory::Memory) {
    store.change(ZONE, |zone| {
        zone.records = std::mem::take(&mut zone.records).into_vec().into_iter().take(1).collect();
        zone.settings = Some(ZoneSettings {
            min_tls_version: Some(TlsVersion::V1_2),
            ..ZoneSettings::default()
        });
    });
}

#[test]
fn a_shard_that_cannot_be_read_leaves_what_it_may_have_confirmed() {
    let (store, sink) = (a_zone(), sinks::memory::Memory::default());
    assert_eq!(scan(&store, &sink, 1, |_, _| Ok(())), (9, true));
    repair(&store);
    store.change(ZONE, |zone| {
        let mut records = std::mem::take(&mut zone.records).into_vec();
        let more = ["host-8.a.test", "new-1.a.test", "new-2.a.test"];
        records.extend(more.map(|owner| Record::new(owner, RecordType::A, "10.0.0.2")));
        zone.records = records.into_iter().collect();
    });
    let refuse = |_: &memory::Memory, read| match read {
        0 => Ok(()),
        _ => Err(StoreError { what: "a shard".into(), is_away: false, source: "damaged".into() }),
    };
    // The shard that is read, whichever it is, may add what it found. Nothing is resolved.
    let (private, has_tls) = scan(&store, &sink, 2, refuse);
    assert!((9..=11).contains(&private) && has_tls, "{private}");
    assert_eq!(scan(&store, &sink, 3, |_, _| Ok(())), (4, false));
}

#[test]
fn a_zone_that_changes_once_while_it_is_read_is_read_again() {
    let (store, sink) = (a_zone(), sinks::memory::Memory::default());
    assert_eq!(scan(&store, &sink, 1, |_, _| Ok(())), (9, true));
    let change_once = |store: &memory::Memory, read| {
        if read == 2 {
            repair(store);
        }
        Ok(())
    };
    assert_eq!(scan(&store, &sink, 2, change_once), (1, false));
}

#[test]
fn of_a_zone_that_keeps_changing_nothing_is_resolved() {
    let (store, sink) = (a_zone(), sinks::memory::Memory::default());
    assert_eq!(scan(&store, &sink, 1, |_, _| Ok(())), (9, true));
    let change = |store: &memory::Memory, _| {
        repair(store);
        Ok(())
    };
    assert_eq!(scan(&store, &sink, 2, change), (9, true));
    assert_eq!(scan(&store, &sink, 3, |_, _| Ok(())), (1, false));
}

#[test]
fn what_is_no_larger_than_a_shard_is_not_cut_and_what_turns_out_larger_is() {
    let shard_records = SLOW as usize + 100;
    let scan =
        |store, sink, round, disturb| scan_in_shards_of(shard_records, store, sink, round, disturb);
    let (store, sink) = (a_zone(), sinks::memory::Memory::default());
    let refuse = |_: &memory::Memory, _| -> Result<(), StoreError> { panic!("it is no shard") };
    assert_eq!(scan(&store, &sink, 1, refuse), ((9, true), 0));
    repair(&store);
    assert_eq!(scan(&store, &sink, 2, refuse), ((1, false), 0));

    let (store, sink) = (a_zone_of(4_000), sinks::memory::Memory::default());
    assert_eq!(scan(&store, &sink, 1, |_, _| Ok(())), ((4_000, true), 1));
    let change_once = |store: &memory::Memory, read| {
        if read == 1 {
            repair(store);
        }
        Ok(())
    };
    assert_eq!(scan(&store, &sink, 2, change_once), ((1, false), 2));

    // No larger than a shard, but four times as large as its credits stand for.
    let hosts = 5 * SLOW as usize;
    let (store, sink) = (a_zone_of(hosts), sinks::memory::Memory::default());
    let scanned = scan_in_shards_of(2 * hosts, &store, &sink, 1, |_, _| Ok(()));
    assert_eq!(scanned, ((hosts, true), 1));
}

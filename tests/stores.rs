//! The contract of `SnapshotStore`, run against every store. To add one: an entry in
//! [`candidates`], filled with the zones of [`FLEET`].

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use scanflow::checks;
use scanflow::model::{
    AssetId, AssetKind, ConfigVersion, OwnerRange, Record, RecordType, Snapshot, ZoneSnapshot,
};
use scanflow::store::postgres::Database;
use scanflow::store::{
    self, Found, SnapshotStore, load_shard_with_references, load_up_to_with_references, memory,
};
use scanflow_testing::TestDatabase;
use tokio::runtime::Runtime;

/// Mail domains whose SPF is behind aliases, so that a check asks for the names.
const FLEET: [(i64, &str, &str); 5] = [
    (
        1,
        "a.test",
        "mail MX 1 x\nmail CNAME mail.b.test\nlost MX 1 x\nlost CNAME x.example
         near MX 1 x\nnear CNAME www.a.test",
    ),
    (2, "b.test", "mail CNAME x.sub.b.test\nwww A 192.0.2.1"),
    (3, "sub.b.test", "x TXT v=spf1 -all\nx CNAME mail.b.test"),
    (4, "c.test", "www MX 1 x\nwww CNAME gone.b.test"),
    (GIANT, "d.test", SHARDED),
];

const GIANT: i64 = 5;

/// Owners that other orders than that of bytes would sort otherwise, one of them with several records.
/// What is asked of one lies in another shard, or in another zone.
const SHARDED: &str = "@ A 192.0.2.1\n@ MX 1 x\n_dmarc CNAME _dmarc.a-b\n_dmarc.a-b TXT v=DMARC1
     a-b MX 1 x\na-b CNAME x.sub.b.test\nab A 10.0.0.1\nab A 10.0.0.2\nab A 10.0.0.3\n*.ab A 10.0.0.4
     x.ab A 192.0.2.1\ncut NS x\nhost.cut A 192.0.2.1\nz9 TXT x\nz_ TXT x\n* CNAME www.a.test";

/// The zone with another plan than its account.
const OWN_PLAN: i64 = 2;

fn zone(index: usize) -> ZoneSnapshot {
    let (asset, name, lines) = FLEET[index];
    let mut zone = ZoneSnapshot::from_text(AssetId(asset), name, lines);
    zone.account = "a".to_owned();
    zone.plan = if asset == OWN_PLAN { "free" } else { "pro" }.to_owned();
    zone
}

fn candidates() -> Vec<Arc<dyn SnapshotStore>> {
    let zones = (0..FLEET.len()).map(|index| Snapshot::Zone(zone(index)));
    vec![Arc::new(memory::Memory::new(zones)), Arc::new(postgres())]
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
});

/// The same fleet as rows.
fn postgres() -> Database {
    static FILLED: LazyLock<TestDatabase> = LazyLock::new(|| {
        RUNTIME.block_on(async {
            let test = scanflow_testing::database().await;
            let client = test.database.client().await.expect("a connection");
            let account = "insert into sources (name) values ('s');
                insert into accounts (id, source_id, external_id, name, plan, content_hash)
                values (100, 1, 'a', 'A', 'pro', gen_random_uuid())";
            client.batch_execute(account).await.expect("an account");
            for index in 0..FLEET.len() {
                let zone = zone(index);
                let (id, name) = (zone.asset.0, zone.name);
                let insert =
                    "insert into zones (id, source_id, external_id, account_id, name, plan,
                        records_complete, content_hash)
                    values ($1, 1, $2, 100, $2, $3, true, gen_random_uuid())";
                let plan = (id == OWN_PLAN).then_some(&zone.plan);
                client.execute(insert, &[&id, &name, &plan]).await.expect("a zone");
                let count = i32::try_from(zone.records.len()).expect("few");
                let update = "update zones set record_count = $2 where id = $1";
                client.execute(update, &[&id, &count]).await.expect("a zone");
                for record in &zone.records {
                    let insert = "insert into records (zone_id, name, type, content, priority)
                        values ($1, $2, $3, $4, $5)";
                    let priority = record.priority.map(i32::from);
                    let kind = record.kind.name();
                    client
                        .execute(insert, &[&id, &record.name, &kind, &record.content, &priority])
                        .await
                        .expect("a record");
                }
            }
            test
        })
    });
    FILLED.database.clone()
}

fn load(store: &dyn SnapshotStore, assets: &[i64]) -> BTreeMap<AssetId, ZoneSnapshot> {
    let assets: Vec<AssetId> = assets.iter().copied().map(AssetId).collect();
    let loading = store::load_with_references(store, checks::ALL, &assets);
    let snapshots = RUNTIME.block_on(loading).expect("a working store");
    let zones = snapshots.into_iter().filter_map(|(asset, snapshot)| match snapshot {
        Snapshot::Zone(zone) => Some((asset, zone)),
        Snapshot::Account(_) => None,
    });
    zones.collect()
}

#[test]
fn every_store_gives_the_same_snapshots() {
    let assets = [1, 2, 3, 4];
    let loaded: Vec<_> = candidates().iter().map(|store| load(&**store, &assets)).collect();
    assert_eq!(loaded[0], loaded[1]);
}

#[test]
fn an_account_is_loaded_beside_zones() {
    let loading = RUNTIME.block_on(postgres().load(&[AssetId(100), AssetId(1)]));
    let snapshots = loading.expect("a working store");
    assert!(matches!(&snapshots[&AssetId(100)], Snapshot::Account(account)
        if account.external_id == "a" && account.plan == "pro" && account.settings.is_none()));
    assert_eq!(snapshots.len(), 2);
}

#[test]
fn answers_for_each_asset_once_and_is_silent_about_vanished_ones() {
    for store in candidates() {
        let assets: Vec<AssetId> = load(&*store, &[4, 1, 99, 4]).into_keys().collect();
        assert_eq!(assets, [AssetId(1), AssetId(4)]);
    }
}

#[test]
fn follows_aliases_through_the_fleet_and_no_further() {
    for store in candidates() {
        let zone = load(&*store, &[1]).remove(&AssetId(1)).expect("loaded");
        for name in ["mail.b.test", "x.sub.b.test"] {
            assert!(zone.fleet_at(name).is_some(), "{name}: {:?}", zone.references);
        }
        assert_eq!(zone.fleet_at("x.example"), None);
        let records = zone.fleet_at("x.sub.b.test").expect("known");
        assert!(records.iter().any(|record| record.kind == RecordType::Txt));
    }
}

#[test]
fn a_name_without_records_in_the_fleet_is_known_to_be_empty() {
    for store in candidates() {
        let zone = load(&*store, &[4]).remove(&AssetId(4)).expect("loaded");
        assert_eq!(zone.fleet_at("gone.b.test"), Some(&[][..]));
    }
}

#[test]
fn every_store_gives_the_same_shards_of_owners_in_the_order_of_bytes() {
    let stores = candidates();
    let all = load(&*stores[0], &[GIANT]).remove(&AssetId(GIANT)).expect("loaded");
    for records_max in 1..=all.records.len() {
        let of = |store: &Arc<dyn SnapshotStore>| RUNTIME.block_on(shards(&**store, records_max));
        let [memory, postgres] = [0, 1].map(|store| of(&stores[store]));
        assert_eq!(memory, postgres, "{records_max}");
        let records = memory.iter().map(|shard| &shard.records);
        let read: Vec<Record> = records.clone().flatten().cloned().collect();
        assert_eq!(
            read,
            all.records.clone().into_vec(),
            "{records_max}: each record once, in order"
        );
        assert!(records_max == all.records.len() || 1 < memory.len(), "{records_max}");
        assert!(records.clone().all(|records| !records.is_empty()), "{records_max}");
    }
}

/// Loads a zone shard by shard.
async fn shards(store: &dyn SnapshotStore, records_max: usize) -> Vec<ZoneSnapshot> {
    let asset = AssetId(GIANT);
    let cut = store.cut(asset, records_max).await.expect("a working store").expect("a zone");
    let mut shards = Vec::new();
    for owners in OwnerRange::cut_behind(&cut.ends) {
        let version = cut.config_version;
        let shard = load_shard_with_references(store, checks::ALL, asset, &owners, version).await;
        match shard.expect("a working store").expect("the version that was cut") {
            Snapshot::Zone(zone) => shards.push(zone),
            Snapshot::Account(account) => panic!("{account:?}"),
        }
        let later = ConfigVersion(version.0 + 1);
        let other = load_shard_with_references(store, checks::ALL, asset, &owners, later).await;
        assert_eq!(other.expect("a working store"), None, "another version than was cut");
    }
    shards
}

#[test]
fn what_is_no_giant_is_one_shard_and_what_has_vanished_is_none() {
    let store = postgres();
    let cut = |asset| RUNTIME.block_on(store.cut(AssetId(asset), 10)).expect("a working store");
    assert_eq!(cut(100).map(|cut| (cut.kind, cut.ends)), Some((AssetKind::Account, Vec::new())));
    assert_eq!(cut(1).map(|cut| (cut.kind, cut.ends)), Some((AssetKind::Zone, Vec::new())));
    assert_eq!(cut(99), None);
    let collation = "select collation_name::text from information_schema.columns
        where table_name = 'records' and column_name = 'name'";
    let collation = RUNTIME.block_on(async {
        let client = store.client().await.expect("a connection");
        client.query_one(collation, &[]).await.expect("a column").get::<_, String>(0)
    });
    assert_eq!(collation, "C", "whatever the database has");
}

#[test]
fn what_has_more_records_than_may_be_loaded_says_how_many() {
    let asked = [(GIANT, 15), (1, 6), (3, 1), (100, 0), (99, 9)];
    let asked = asked.map(|(asset, records_max)| (AssetId(asset), records_max));
    let of = |store: &dyn SnapshotStore| {
        let loading = load_up_to_with_references(store, checks::ALL, &asked);
        let mut found = RUNTIME.block_on(loading).expect("a working store");
        found.remove(&AssetId(100)); // an account, which one of the stores has
        found
    };
    let [memory, postgres] = candidates().try_into().unwrap_or_else(|_| panic!("two stores"));
    let found = of(&*memory);
    assert_eq!(found, of(&*postgres));
    let ids: Vec<i64> = found.keys().map(|asset| asset.0).collect();
    assert_eq!(ids, [1, 3, GIANT]);
    assert!(matches!(&found[&AssetId(1)], Found::Snapshot(Snapshot::Zone(zone))
        if zone.records.len() == 6 && !zone.references.is_empty()));
    assert_eq!(found[&AssetId(3)], Found::TooLarge(2));
    assert_eq!(found[&AssetId(GIANT)], Found::TooLarge(16));
}

#[test]
fn what_is_handed_over_is_asked_for_once_as_long_as_nobody_answers() {
    let requests = RUNTIME.block_on(async {
        let store = postgres();
        let ask = |assets: &'static [AssetId]| store.hand_over(assets);
        let first = ask(&[AssetId(1), AssetId(2)]).await.expect("a working store");
        let again = ask(&[AssetId(2)]).await.expect("a working store");
        assert_eq!(again[&AssetId(2)], first[&AssetId(2)]);
        let client = store.client().await.expect("a connection");
        let requests = "select asset_id from scan_requests where checks is null order by asset_id";
        client.query(requests, &[]).await.expect("requests")
    });
    let assets: Vec<i64> = requests.iter().map(|row| row.get(0)).collect();
    assert_eq!(assets, [1, 2]);
}

#[test]
fn memory_raises_the_version_with_each_change() {
    let store = memory::Memory::new([Snapshot::Zone(zone(1))]);
    store.change(AssetId(2), |zone| zone.records = Default::default());
    let zone = load(&store, &[2]).remove(&AssetId(2)).expect("loaded");
    assert_eq!((zone.config_version, zone.records.len()), (ConfigVersion(2), 0));
}

//! All sources as one fleet: each asset is scanned once, and what has not changed is not written.

use std::collections::BTreeMap;

use scanflow_testing::shared_data;

use crate::process::Place;

const ASSETS: i64 = 80_911;

/// Rows of one table since the database was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Writes {
    inserted: i64,
    updated: i64,
    deleted: i64,
    /// Of the updated ones.
    hot: i64,
}

#[tokio::test]
async fn each_asset_is_scanned_once_and_the_second_time_only_scan_state_is_written() {
    let Some(data) = shared_data("") else { return };
    // An analyze that runs meanwhile holds a snapshot, and pages fill with what may not be pruned.
    let place = Place::filled("alter table scan_state set (autovacuum_enabled = off)").await;
    let report = place.import(&data).await;
    let counts = (report.sources, report.accounts, report.zones, report.records);
    assert_eq!(counts, (7, 25_005, 55_906, 251_576));

    let imported = writes(&place).await;
    let led = place.scan_once().await;
    assert_eq!(led.summary.stats.emitted, ASSETS as u64);
    let scanned = "from scan_state where last_completed_at is not null and config_version = 1";
    assert_eq!(place.count(scanned).await, ASSETS);
    let first = writes(&place).await;
    let scans = first["scan_state"].updated - imported["scan_state"].updated;
    assert_eq!(scans, ASSETS, "one update an asset: each is scanned exactly once");
    let open = place.count("from insights where resolved_at is null").await;
    assert!(open > 10_000, "{open}");
    assert_eq!(place.count("from insight_events").await, open);
    assert_eq!(first["insights"].inserted, open);

    let led = place.scan_once().await;
    assert_eq!(led.summary.stats.emitted, ASSETS as u64);
    let second = writes(&place).await;
    let mut differing: BTreeMap<&str, Writes> = BTreeMap::new();
    for (table, after) in &second {
        let before = first.get(table).copied().unwrap_or_default();
        if before != *after {
            let writes = Writes {
                inserted: after.inserted - before.inserted,
                updated: after.updated - before.updated,
                deleted: after.deleted - before.deleted,
                hot: after.hot - before.hot,
            };
            differing.insert(table, writes);
        }
    }
    let leases = differing.remove("leases").expect("who leads renews its lease");
    assert_eq!((leases.inserted, leases.deleted), (0, 0));
    let hot = Writes { updated: ASSETS, hot: ASSETS, ..Writes::default() };
    assert_eq!(differing, BTreeMap::from([("scan_state", hot)]));
}

/// What was written to each of our tables, and to those of the catalogue that new tables, columns
/// and types show in.
async fn writes(place: &Place) -> BTreeMap<String, Writes> {
    let client = place.test.database.client().await.expect("a connection");
    // A connection reports its counts at the latest when it ends.
    let others = "from pg_stat_activity where datname = current_database()
                  and pid <> pg_backend_pid() and backend_type = 'client backend'";
    // False also of one that ends by itself meanwhile.
    let end = format!("select pg_terminate_backend(pid, 60000) {others}");
    client.query(&end, &[]).await.expect("ended connections");
    let left = client.query(&format!("select pid {others}"), &[]).await.expect("connections");
    assert!(left.is_empty(), "a connection goes on");
    client.batch_execute("select pg_stat_force_next_flush()").await.expect("a function");
    let sql = "select relname::text, n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd
                 from pg_stat_user_tables
               union all
               select relname::text, n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd
                 from pg_stat_sys_tables
                where relname in ('pg_class', 'pg_attribute', 'pg_type', 'pg_depend')";
    let rows = client.query(sql, &[]).await.expect("statistics");
    let writes = rows.iter().map(|row| {
        let [inserted, updated, deleted, hot] = [1, 2, 3, 4].map(|column| row.get(column));
        (row.get(0), Writes { inserted, updated, deleted, hot })
    });
    let writes: BTreeMap<String, Writes> = writes.collect();
    assert!(writes["pg_class"].inserted > 0 && writes.contains_key("insight_events_default"));
    writes
}

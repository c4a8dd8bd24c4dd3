//! Backed up, changed, restored, and scanned on.

use serde_json::json;

use super::{Private, count};
use crate::running::Running;
use crate::source_copy::SourceCopy;

/// One that resolves an insight when it is deleted.
const RECORD: &str = "syslogmoj.service.justice.gov.uk A 10.192.34.12";

/// Resolves one insight, opens others, and adds an asset.
fn changed(source: &mut SourceCopy) {
    source.records.remove(source.position(RECORD));
    let mut zone = source.zones[0].clone();
    zone["id"] = json!("moj/new.example");
    zone["name"] = json!("new.example");
    source.zones.push(zone);
    source.records.push(json!({
        "zone_id": "moj/new.example", "name": "new.example", "type": "A", "content": "10.0.0.1"
    }));
}

#[tokio::test]
async fn after_an_older_state_is_restored_new_scans_are_accepted() {
    let Some(mut source) = SourceCopy::of("moj") else { return };
    let (place, undisturbed) = (Private::new(), Private::new());
    for place in [&place, &undisturbed] {
        place.import(&source.write());
        place.done(&["run", "--once"]);
    }
    let before = place.exported();
    let ran = place.done(&["backup", "one"]);
    assert!(ran.stdout.contains("1 accounts, 406 zones, "), "{}", ran.stdout);

    changed(&mut source);
    for _ in 0..2 {
        place.import(&source.write());
        place.done(&["run", "--once"]);
    }
    let after = place.exported();
    assert_ne!(after, before);
    let ran = place.done(&["restore", "one", "--yes"]);
    assert!(ran.stdout.contains(concat!("scanflow ", env!("CARGO_PKG_VERSION"))), "{}", ran.stdout);
    assert_eq!(place.exported(), before);
    let (cluster, database) = place.join().await;
    let free = "from leases where token = 1 and expires_at < clock_timestamp()";
    assert_eq!(count(&database, free).await, 1, "the lease is free, and its token remembered");
    assert_eq!(count(&database, "from asset_changes").await, 0);
    let month = "from pg_inherits where inhparent = 'insight_events'::regclass and
        inhrelid = to_regclass('insight_events_' || to_char(now() at time zone 'UTC', 'YYYYMM'))";
    assert_eq!(count(&database, month).await, 1);
    assert_eq!(count(&database, "from pg_database where datname like 'scanflow%'").await, 1);

    for place in [&place, &undisturbed] {
        place.import(&source.write());
        place.done(&["run", "--once"]);
    }
    assert_eq!(place.exported(), undisturbed.exported());
    assert_eq!(place.exported(), after);
    let stale = "from scan_state where sequence >> 40 <> (select token from leases)";
    assert_eq!(count(&database, stale).await, 0, "an outcome was stale");
    drop((cluster, database));
}

#[tokio::test]
async fn a_backup_beside_a_run_is_one_moment_and_restores_on_another_machine() {
    let Some(source) = SourceCopy::of("moj") else { return };
    let place = Private::new();
    place.import(&source.write());
    let (cluster, database) = place.join().await;
    let leader = Running::start(place.command(&["run"]));
    while count(&database, "from scan_state where last_completed_at is not null").await == 0 {}
    place.done(&["backup", "moment"]);
    let refused = place.run(&["restore", "moment", "--yes"]);
    assert_eq!(refused.exit, 75, "{}", refused.stderr);
    if cfg!(target_os = "linux") {
        let pid = format!("process {} (", leader.pid());
        assert!(refused.stderr.contains(&pid), "{}", refused.stderr);
    }
    leader.signal("TERM");
    assert_eq!(leader.end().await.status.code(), Some(0));
    drop((cluster, database));

    let elsewhere = Private::new();
    let file = place.path("moment");
    elsewhere.done(&["restore", file.to_str().expect("UTF-8")]);
    let (cluster, database) = elsewhere.join().await;
    let torn = "from insights i full join insight_events e using (asset_id, check_id, subject)
                 where i.asset_id is null or e.asset_id is null";
    assert_eq!(count(&database, torn).await, 0, "one is there without the other");
    let unfenced = "from insight_events join scan_state using (asset_id)
                     where scan_state.sequence < insight_events.sequence";
    assert_eq!(count(&database, unfenced).await, 0);
    drop((cluster, database));
    for place in [&place, &elsewhere] {
        place.done(&["run", "--once"]);
    }
    assert_eq!(place.exported(), elsewhere.exported());
}

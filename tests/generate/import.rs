//! A fleet in the database, with files between and without.

use std::collections::BTreeMap;

use scanflow::generate::Shape;
use scanflow::sources::generated::{self, Writing, write};
use scanflow::sources::inventory::{self, Event, Options, Report};
use scanflow::store::postgres::Database;
use scanflow_testing::TestDatabase;

fn shape() -> Shape {
    Shape { zones: 1_500, giant_records: Some(40_000), partial: 0.1, ..Shape::default() }
}

async fn import(database: &Database, shape: &Shape) -> (Report, Vec<Event>) {
    let mut events = Vec::new();
    let report = generated::import(database, shape, &mut |event| events.push(event)).await;
    (report.expect("an import"), events)
}

async fn import_files(test: &TestDatabase, shape: &Shape) -> (Report, Vec<Event>) {
    let place = tempfile::tempdir().expect("a folder");
    // Named as the source is.
    let folder = place.path().join("generated");
    write(&folder, shape, &mut |_| Writing::GoOn).expect("files");
    let options = Options { paths: vec![folder], ..Options::default() };
    let mut events = Vec::new();
    let mut on_event = |event| events.push(event);
    let report = inventory::import(&test.database, &options, &mut on_event).await;
    (report.expect("an import"), events)
}

/// Accounts, zones and records, with their versions.
async fn content(test: &TestDatabase) -> BTreeMap<&'static str, String> {
    let client = test.database.client().await.expect("a connection");
    let mut content = BTreeMap::new();
    for (table, sql) in [
        (
            "accounts",
            "select md5(string_agg(concat_ws('|', external_id, name, plan, tags, settings, members, \
                    content_hash, config_version), ',' order by external_id)) from accounts",
        ),
        (
            "zones",
            "select md5(string_agg(concat_ws('|', external_id, name, plan, state, settings, dnssec, \
                    records_complete, record_count, content_hash, config_version), ',' \
                    order by external_id)) from zones",
        ),
        (
            "records",
            "select md5(string_agg(concat_ws('|', z.external_id, r.name, r.type, r.content, \
                    r.priority, r.ttl, r.proxied, r.private_routing), ',' \
                    order by z.external_id, r.name, r.type, r.content, r.ttl)) \
             from records r join zones z on z.id = r.zone_id",
        ),
    ] {
        let row = client.query_one(sql, &[]).await.expect("a sum");
        content.insert(table, row.get(0));
    }
    content
}

#[tokio::test]
async fn what_is_written_and_imported_is_what_is_imported_at_once() {
    let [at_once, from_files] =
        [scanflow_testing::database().await, scanflow_testing::database().await];
    let (direct, events) = import(&at_once.database, &shape()).await;
    let (report, told) = import_files(&from_files, &shape()).await;
    assert_eq!((direct, report.problems), (report, 0));
    assert_eq!(direct.zones, 1_500);
    assert_eq!(direct.written.changed, direct.accounts + direct.zones);
    let stored = events.iter().map(|event| match event {
        Event::Stored { zones, records, .. } => (*zones, *records),
        other => panic!("{other:?}"),
    });
    let stored = stored.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
    assert_eq!(stored, (direct.zones, direct.records));
    let skipped: Vec<String> = told
        .iter()
        .filter_map(|event| match event {
            Event::Skipped(note) => Some(note.reason.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(skipped, ["what a scan must find, no inventory"]);
    let before = content(&at_once).await;
    assert_eq!(content(&from_files).await, before);

    // The other way, and the same way again: nothing changes.
    let all = direct.accounts + direct.zones;
    for report in [
        import_files(&at_once, &shape()).await.0,
        import(&at_once.database, &shape()).await.0,
        import(&from_files.database, &shape()).await.0,
    ] {
        assert_eq!((report.written.changed, report.written.unchanged), (0, all));
    }
    assert_eq!(content(&at_once).await, before);
}

#[tokio::test]
async fn an_import_that_was_broken_off_goes_on() {
    let test = scanflow_testing::database().await;
    let shape = Shape { zones: 4_000, ..Shape::default() };
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let mut on_event = |_| {
        let _ = tell.take().map(|tell| tell.send(()));
    };
    tokio::select! {
        _ = generated::import(&test.database, &shape, &mut on_event) => panic!("not broken off"),
        first = told => first.expect("the first batch"),
    }
    let whole = "select count(*) from zones where record_count <> \
                 (select count(*) from records r where r.zone_id = zones.id)";
    let client = test.database.client().await.expect("a connection");
    assert_eq!(client.query_one(whole, &[]).await.expect("a count").get::<_, i64>(0), 0);

    let (report, _) = import(&test.database, &shape).await;
    let other = scanflow_testing::database().await;
    let (undisturbed, _) = import(&other.database, &shape).await;
    assert!(report.written.unchanged > 0 && report.written.changed > 0, "{report:?}");
    assert_eq!(report.zones, undisturbed.zones);
    assert_eq!(content(&test).await, content(&other).await);
}

#[tokio::test]
async fn a_shape_that_is_none_is_refused_before_anything_is_stored() {
    let test = scanflow_testing::database().await;
    let wrong = Shape { proxied: 2.0, ..Shape::default() };
    let refused = generated::import(&test.database, &wrong, &mut |_| {}).await;
    assert!(matches!(refused, Err(generated::ImportError::Shape(_))));
    let client = test.database.client().await.expect("a connection");
    let sources = client.query_one("select count(*) from sources", &[]).await.expect("a count");
    assert_eq!(sources.get::<_, i64>(0), 0);
}

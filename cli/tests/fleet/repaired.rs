//! What a scan does to insights when the source was repaired, hidden or removed.

use scanflow::sources::inventory::Options;
use scanflow_testing::{Subject, assert_same};
use serde_json::json;

use crate::process::Place;
use crate::source_copy::SourceCopy;

const ZONE: &str = "moj/service.justice.gov.uk";
/// An offending record, which is the subject as well.
const RECORD: &str = "syslogmoj.service.justice.gov.uk A 10.192.34.12";
/// Takes mail, without SPF.
const HOST: &str = "prison-education-support.service.justice.gov.uk";

fn insight(check: &str, subject: &str) -> Subject {
    (check.to_owned(), ZONE.to_owned(), subject.to_owned())
}

/// All of moj, imported and scanned.
async fn scanned() -> Option<(Place, SourceCopy)> {
    let source = SourceCopy::of("moj")?;
    let place = Place::importing(source.write()).await;
    place.scan_once().await;
    Some((place, source))
}

#[tokio::test]
async fn deleting_the_offending_record_resolves_exactly_its_insight() {
    let Some((place, mut source)) = scanned().await else { return };
    let before = place.open().await;
    let address = insight("dns.private_address", RECORD);
    assert!(before.contains(&address));
    let deleted = source.records.remove(source.position(RECORD));
    assert_eq!(place.import(source.write()).await.written.changed, 1);
    assert_same("before the scan", &place.open().await, &before);

    place.scan_once().await;
    let mut left = before.clone();
    left.remove(&address);
    assert_same("open", &place.open().await, &left);
    let resolved = place.insights("i.resolution = 'fixed'").await;
    assert_same("resolved", &resolved, &[address].into());
    let events = before.len() as i64;
    assert_eq!(place.count("from insight_events").await, events + 1, "nothing else has changed");

    source.records.push(deleted);
    source.records.sort_by_cached_key(|line| line["zone_id"].to_string());
    place.import(source.write()).await;
    place.scan_once().await;
    assert_same("open again", &place.open().await, &before);
    assert_eq!(place.count("from insight_events where change = 4").await, 1);
    assert_eq!(place.count("from insight_events").await, events + 2);
}

#[tokio::test]
async fn a_zone_whose_import_was_incomplete_resolves_nothing() {
    let Some((place, mut source)) = scanned().await else { return };
    let before = place.open().await;
    // In the place of the offending record stands one that is none.
    let at = source.position(RECORD);
    source.records[at]["content"] = json!("10.192.34");
    let options = Options { paths: vec![source.write()], ..Options::default() };
    let (report, problems) = place.import_with(options).await;
    assert_eq!((report.problems, report.written.changed), (1, 0), "{problems:?}");
    place.scan_once().await;
    assert_same("open", &place.open().await, &before);
    let events = before.len() as i64;
    assert_eq!(place.count("from insight_events").await, events);

    source.records.remove(at);
    place.import(source.write()).await;
    place.scan_once().await;
    assert_eq!(place.count("from insight_events").await, events + 1);
    let resolved = place.insights("i.resolved_at is not null").await;
    assert_same("resolved", &resolved, &[insight("dns.private_address", RECORD)].into());
}

#[tokio::test]
async fn fail_unknown_and_pass_in_a_row_end_resolved() {
    let Some((place, mut source)) = scanned().await else { return };
    let before = place.open().await;
    let (spf, address) = (insight("spf.missing", HOST), insight("dns.private_address", RECORD));
    assert!(before.contains(&spf) && before.contains(&address));

    // Both are repaired, but the source shows only some of the records.
    let at = source.position(RECORD);
    source.records[at] = json!({
        "zone_id": ZONE, "name": HOST, "type": "TXT", "content": "v=spf1 -all"
    });
    source.zone(ZONE)["records_complete"] = json!(false);
    place.import(source.write()).await;
    for _ in 0..2 {
        place.scan_once().await;
        assert_same("open while partial", &place.open().await, &before);
    }
    assert_eq!(place.count("from insight_events").await, before.len() as i64);

    source.zone(ZONE)["records_complete"] = json!(true);
    assert_eq!(place.import(source.write()).await.written.changed, 1);
    place.scan_once().await;
    let mut left = before.clone();
    assert!(left.remove(&spf) && left.remove(&address));
    assert_same("open", &place.open().await, &left);
    assert_same("fixed", &place.insights("i.resolution = 'fixed'").await, &[spf, address].into());
}

#[tokio::test]
async fn a_removed_zone_resolves_all_that_it_had() {
    let Some((place, mut source)) = scanned().await else { return };
    let before = place.open().await;
    let (removed, left): (Vec<Subject>, Vec<Subject>) =
        before.iter().cloned().partition(|(_, zone, _)| zone == ZONE);
    assert!(removed.len() > 3, "{removed:?}");
    source.zones.retain(|zone| zone["id"] != ZONE);
    source.records.retain(|record| record["zone_id"] != ZONE);
    place.import(source.write()).await;
    place.scan_once().await;
    assert_same("not listed, not pruned", &place.open().await, &before);

    let (report, problems) = place.import_with(source.pruning()).await;
    assert_eq!((report.removed, problems), (1, Vec::new()));
    let led = place.scan_once().await;
    assert_eq!(led.summary.stats.emitted, 406, "one account and 405 zones");
    assert_same("open", &place.open().await, &left.into_iter().collect());
    let reason = place.insights("i.resolution = 'asset_removed'").await;
    assert_same("removed", &reason, &removed.into_iter().collect());
    let events = "from insight_events where change = 3 and reason = 'asset_removed'";
    assert_eq!(place.count(events).await, reason.len() as i64);
    assert_eq!(place.count("from insights").await, before.len() as i64);
}

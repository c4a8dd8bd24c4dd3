//! Scans that people ask for.

use scanflow_testing::{Subject, assert_same};
use serde_json::{Value, json};

use crate::process::{Place, Ran};
use crate::running::Running;
use crate::source_copy::SourceCopy;

const ZONE: &str = "moj/service.justice.gov.uk";
/// An offending record, which is the subject as well.
const RECORD: &str = "syslogmoj.service.justice.gov.uk A 10.192.34.12";
/// Takes mail, without SPF.
const HOST: &str = "prison-education-support.service.justice.gov.uk";
const LEADS: &str = "select exists (select from leases where clock_timestamp() < expires_at)";

fn insight(check: &str, subject: &str) -> Subject {
    (check.to_owned(), ZONE.to_owned(), subject.to_owned())
}

/// In a process beside the runtime of the test, which goes on reading what others print.
async fn ask(place: &Place, arguments: &[&str]) -> Ran {
    let command = place.command(&[&["scan"], arguments].concat());
    let ran = tokio::task::spawn_blocking(move || crate::process::run(command)).await;
    ran.expect("it is waited for")
}

async fn asked(place: &Place, arguments: &[&str]) -> Value {
    let ran = ask(place, &[arguments, &["--wait", "--output", "json"]].concat()).await;
    assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    ran.json_lines().remove(0)
}

async fn text(place: &Place, question: &str) -> String {
    let client = place.test.database.client().await.expect("a connection");
    client.query_one(question, &[]).await.expect("an answer").get(0)
}

#[tokio::test]
async fn only_what_was_asked_for_is_scanned_and_resolved() {
    let Some(mut source) = SourceCopy::of("moj") else { return };
    let place = Place::importing(source.write()).await;
    place.scan_once().await;
    let before = place.open().await;
    let (spf, address) = (insight("spf.missing", HOST), insight("dns.private_address", RECORD));
    assert!(before.contains(&spf) && before.contains(&address));
    let leader = Running::start(place.command(&["run"]));
    place.until(LEADS).await;

    // Both are repaired.
    let at = source.position(RECORD);
    source.records[at] = json!({
        "zone_id": ZONE, "name": HOST, "type": "TXT", "content": "v=spf1 -all"
    });
    place.import(source.write()).await;
    let stamps = format!(
        "select concat(last_scheduled_at, last_completed_at, duration_us) from scan_state
          where asset_id = (select id from zones where external_id = '{ZONE}')"
    );
    let stamps_before = text(&place, &stamps).await;

    let answer = asked(&place, &["--zone", ZONE, "--check", "dns.private_address"]).await;
    let (assets, scanned) = (answer["assets"].as_u64(), answer["scanned"].as_u64());
    assert_eq!((assets, scanned, answer["gone"].as_u64()), (Some(1), Some(1), Some(0)));
    let mut left = before.clone();
    left.remove(&address);
    assert_same("open but for the address", &place.open().await, &left);
    assert_eq!(text(&place, &stamps).await, stamps_before, "it does not count for the cadence");

    // The check of one insight, by its id.
    let id = format!(
        "select i.id::text from insights i join checks c on c.id = i.check_id
          where c.name = 'spf.missing' and i.subject = '{HOST}'"
    );
    let id = text(&place, &id).await;
    asked(&place, &["--insight", &id]).await;
    left.remove(&spf);
    assert_same("open but for both", &place.open().await, &left);
    assert_eq!(text(&place, &stamps).await, stamps_before, "nor does this one");

    let refused = ask(&place, &["--insight", &id]).await;
    assert_eq!(refused.exit, 75, "{}", refused.stderr);
    assert!(refused.stderr.contains("ask again in"), "{}", refused.stderr);

    // Everything: what was asked with one check only is no reason to refuse that.
    asked(&place, &["--zone", ZONE]).await;
    assert_ne!(text(&place, &stamps).await, stamps_before, "a full scan counts");
    assert_same("open after a full scan", &place.open().await, &left);
    let account = text(&place, "select external_id from accounts").await;
    let all = asked(&place, &["--account", &account]).await;
    assert_eq!((all["assets"].as_u64(), all["too_soon"].as_u64()), (Some(406), Some(1)));
    assert_same("open after all", &place.open().await, &left);
    assert_eq!(place.count("from scan_requests where answered_at is null").await, 0);

    leader.signal("TERM");
    let ended = leader.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn what_nobody_has_answered_the_next_leader_does() {
    let Some(source) = SourceCopy::of("moj") else { return };
    let place = Place::importing(source.write()).await;
    place.scan_once().await;
    let ran = ask(&place, &["--zone", ZONE]).await;
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody leads"), "{}", ran.stderr);
    let ran = ask(&place, &["--check", "spf.missing"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    // A leader that was killed knew of some.
    place.change("update scan_requests set taken_by = 1 where id % 2 = 0").await;
    assert_eq!(place.count("from scan_requests where answered_at is null").await, 407);

    // Nothing is due, so what it scans is what was asked for; in the end all is noted.
    let ran = place.run(&["run", "--once", "--due", "--rate", "max"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("406 scans in"), "{}", ran.stderr);
    assert_eq!(place.count("from scan_requests where is_scanned").await, 407);
}

#[tokio::test]
async fn what_was_imported_a_moment_ago_is_known() {
    let Some(mut source) = SourceCopy::of("moj") else { return };
    let (zone, records) = {
        let at = source.zones.iter().position(|zone| zone["id"] == ZONE).expect("a zone");
        let zone = source.zones.remove(at);
        let all = std::mem::take(&mut source.records);
        let (of_zone, rest): (Vec<Value>, Vec<Value>) =
            all.into_iter().partition(|record| record["zone_id"] == ZONE);
        source.records = rest;
        (zone, of_zone)
    };
    let place = Place::importing(source.write()).await;
    place.scan_once().await;
    let leader = Running::start(place.command(&["run"]));
    place.until(LEADS).await;
    let before = place.open().await;
    source.zones.push(zone);
    source.records.extend(records);
    source.records.sort_by_cached_key(|line| line["zone_id"].to_string());
    place.import(source.write()).await;
    asked(&place, &["--zone", ZONE]).await;
    let opened: Vec<Subject> = place.open().await.difference(&before).cloned().collect();
    assert!(opened.contains(&insight("dns.private_address", RECORD)), "{opened:?}");
    leader.signal("TERM");
    assert_eq!(leader.end().await.status.code(), Some(0));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_said() {
    let place = Place::filled("").await;
    for (arguments, words) in [
        (&["--zone", "nobody.test"][..], "no zone has the id or name `nobody.test`"),
        (&["--insight", "12"], "there is no insight 12"),
        (&["--check", "spf.missing"], "nothing is to be scanned"),
        (&["--check", "no.such"], "no.such"),
        (&["--zone", "a", "--account", "b"], "cannot be used with"),
        (&[], "required"),
    ] {
        let ran = ask(&place, arguments).await;
        assert_eq!(ran.exit, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
}

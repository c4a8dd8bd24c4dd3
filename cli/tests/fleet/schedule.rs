//! What is ordered of the schedule, and what it is said to do.

use crate::process::Place;
use crate::running::Running;

/// Ten zones of one account, all scanned an hour ago but one, which never was.
const FLEET: &str = "insert into sources (name) values ('s');
    insert into accounts (id, source_id, external_id, name, plan, content_hash)
    values (1, 1, 'a', 'A', 'free', gen_random_uuid());
    insert into zones (id, source_id, external_id, account_id, name, plan, records_complete,
        record_count, content_hash)
    select n, 1, 'z' || n, 1, 'z' || n || '.test', 'enterprise', true, 0, gen_random_uuid()
      from generate_series(2, 11) n;
    insert into scan_state (asset_id, last_scheduled_at, last_completed_at)
    select n, now() - interval '1 hour', now() - interval '1 hour' from generate_series(1, 10) n;
    insert into scan_state (asset_id) values (11)";

#[tokio::test]
async fn a_pause_holds_until_it_is_ended_and_lets_requests_pass() {
    let place = Place::filled(FLEET).await;
    let paused = place.run(&["schedule", "pause", "--author", "ann"]);
    assert_eq!(paused.exit, 0, "{}", paused.stderr);
    let refused = place.run(&["run", "--once"]);
    assert_eq!(refused.exit, 75, "{}", refused.stderr);
    assert!(refused.stderr.contains("paused, by ann"), "{}", refused.stderr);

    let leader = Running::start(place.command(&["run", "--rate", "max"]));
    place.until("select exists (select from leases where clock_timestamp() < expires_at)").await;
    let scan = place.command(&["scan", "--zone", "z2", "--wait"]);
    let scan = Running::start(scan).end().await;
    assert_eq!(scan.status.code(), Some(0), "{}", scan.stderr);
    let status = place.run(&["schedule", "status", "--output", "json"]);
    let status = &status.json_lines()[0];
    assert_eq!(status["paused"]["by"], "ann");
    let enterprise = &status["plans"][0];
    assert_eq!(
        (&enterprise["plan"], &enterprise["never_scanned"]),
        (&"enterprise".into(), &1.into())
    );
    assert_eq!(enterprise["inside_cadence"], 0.9);

    assert_eq!(place.run(&["schedule", "resume"]).exit, 0);
    place.until("select not exists (select from scan_state where last_completed_at is null)").await;
    leader.signal("TERM");
    let ended = leader.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("the schedule is paused"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_preview_says_what_is_needed_and_whether_that_is_enough() {
    let place = Place::filled(FLEET).await;
    let before = place.run(&["schedule", "preview"]);
    assert_eq!(before.exit, 0, "{}", before.stderr);
    assert!(before.stdout.contains("1 were never scanned"), "{}", before.stdout);
    let foreseen = place.run(&["schedule", "preview", "--output", "json"]);
    let foreseen = &foreseen.json_lines()[0];
    assert_eq!((&foreseen["never_scanned"], &foreseen["is_enough"]), (&1.into(), &true.into()));
    let nominal = foreseen["nominal_per_second"].as_f64().expect("a rate");
    assert!((nominal - (10.0 / 86_400.0 + 1.0 / 604_800.0)).abs() < 1e-9, "{nominal}");
    // A buffer times at least one a second.
    assert_eq!(foreseen["allowed_per_second"], 1.2);

    // Promises of a minute are long broken.
    let mut command = place.command(&["schedule", "preview"]);
    command.env("SCANFLOW_CADENCE__ENTERPRISE", "1m");
    let broken = crate::process::run(command);
    assert!(broken.stdout.contains("too late"), "{}", broken.stdout);
    assert!(broken.stdout.contains("all kept again in about"), "{}", broken.stdout);

    let mut command = place.command(&["schedule", "preview"]);
    command.env("SCANFLOW_SCHEDULE__FIRST_WITHIN", "2h");
    let within = crate::process::run(command);
    assert!(within.stdout.contains("are within 2h"), "{}", within.stdout);
    assert_eq!(place.count("from leases").await, 0);
}

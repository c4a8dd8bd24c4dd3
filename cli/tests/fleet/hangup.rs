//! A terminal that goes away, or a service manager that wants settings to be read again.

use crate::demo::{demo, folder};
use crate::process::Place;
use crate::running::Running;

/// An account of one plan with zones of another.
const ZONES: &str = "insert into sources (name) values ('s');
    insert into accounts (id, source_id, external_id, name, plan, content_hash)
    values (1, 1, 'a', 'A', 'free', gen_random_uuid());
    insert into zones (id, source_id, external_id, account_id, name, plan, records_complete,
        record_count, content_hash)
    select n, 1, 'z' || n, 1, 'z' || n || '.test', 'pro', true, 0, gen_random_uuid()
      from generate_series(2, 20) n;
    insert into scan_state (asset_id) select generate_series(1, 20)";

#[tokio::test]
async fn a_hangup_ends_a_command_but_no_run() {
    let place = Place::filled("").await;
    let mut run = Running::start(place.command(&["run"]));
    place.until("select exists (select from leases)").await;
    run.signal("HUP");
    run.says("SIGHUP").await;
    run.signal("TERM");
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

    let (client, connection) =
        tokio_postgres::connect(&place.test.url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    client.batch_execute("begin; lock table insights").await.expect("a lock");
    let command = Running::start(place.command(&["insights"]));
    let waits = "select count(*) > 0 from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock'";
    place.until(waits).await;
    command.signal("HUP");
    let ended = command.end().await;
    assert_eq!(ended.status.code(), Some(129), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped by a signal"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_hangup_has_a_run_follow_its_settings_all_or_nothing() {
    let place = Place::filled(ZONES).await;
    let file = place.folder.path().join("scanflow.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("a file");
    write("[cadence]\nfree = \"9h\"\npro = \"9h\"");
    let mut run = Running::start(place.command(&["run"]));
    place.until("select not exists (select from scan_state where last_completed_at is null)").await;
    let scanned = place.count("from scan_state").await;

    write("[cadence]\nfree = \"1s\"\npro = \"soon\"");
    run.signal("HUP");
    run.says("the settings stay as they were").await;

    place.change("create table before as select asset_id, sequence from scan_state").await;
    write("[cadence]\nfree = \"1s\"\npro = \"1s\"\n[run]\nworkers = 1");
    run.signal("HUP");
    run.says("run.workers").await;
    let again = format!(
        "select {scanned} = (select count(*) from scan_state s join before b using (asset_id)
                              where b.sequence < s.sequence)"
    );
    place.until(&again).await;
    run.signal("TERM");
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_hangup_ends_a_demo_as_sigterm_does() {
    let folder = folder();
    let mut demo = Running::start(demo(&folder, &["--zones", "30"]));
    demo.prints("keeping fresh", |line| line.contains("keeping fresh")).await;
    demo.signal("HUP");
    let ended = demo.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("kept fresh for"), "{}", ended.stdout);
}

//! A terminal that goes away, or a service manager that wants settings to be read again.

use crate::demo::{demo, folder};
use crate::process::Place;
use crate::running::Running;

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
async fn a_hangup_ends_a_demo_as_sigterm_does() {
    let folder = folder();
    let mut demo = Running::start(demo(&folder, &["--zones", "30"]));
    demo.prints("keeping fresh", |line| line.contains("keeping fresh")).await;
    demo.signal("HUP");
    let ended = demo.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("kept fresh for"), "{}", ended.stdout);
}

//! What is refused, and that the database is as it was then.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use scanflow::store::postgres::Database;
use scanflow_testing::workspace;

use super::{Private, change, count, until};
use crate::process::run;
use crate::running::Running;

/// With a small fleet, scanned.
fn scanned() -> Private {
    let place = Private::new();
    place.import(&workspace().join("samples/fleet/moj"));
    place.done(&["run", "--once"]);
    place
}

#[tokio::test]
async fn what_is_no_backup_or_not_asked_for_changes_nothing() {
    let place = scanned();
    let before = place.exported();
    place.done(&["backup", "whole"]);
    let mode = fs::metadata(place.path("whole")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!place.path("whole.partial").exists());

    let whole = fs::read(place.path("whole")).expect("a file");
    let mut damaged = whole.clone();
    let middle = damaged.len() * 3 / 4;
    damaged[middle..middle + 64].fill(0);
    for (name, bytes) in [
        ("empty", &[][..]),
        ("text", b"PGDM nothing else"),
        ("magic", b"PGDMP"),
        ("half", &whole[..whole.len() / 2]),
        ("damaged", &damaged),
    ] {
        fs::write(place.path(name), bytes).expect("a file");
        let ran = place.run(&["restore", name, "--yes"]);
        assert_eq!(ran.exit, 65, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{name} is no backup")), "{}", ran.stderr);
    }
    for (arguments, exit, words) in [
        (&["restore", "whole"][..], 2, "`--yes` replaces them"),
        (&["restore", "missing", "--yes"], 2, "missing"),
        (&["backup", "whole"], 2, "`--force` replaces it"),
        (&["backup", "no/folder"], 2, "no/folder"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.exit, exit, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
    for command in ["backup", "restore"] {
        let mut named = place.command(&[command, "whole"]);
        named.env("SCANFLOW_DATABASE__URL", "host=127.0.0.1 port=1");
        let ran = run(named);
        assert_eq!(ran.exit, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("`pg_"), "{}", ran.stderr);
    }
    assert_eq!(place.exported(), before);
    assert_eq!(fs::read(place.path("whole")).expect("a file"), whole);
    place.done(&["backup", "whole", "--force"]);

    let ran = Private::new().run(&["backup", "new"]);
    assert_eq!(ran.exit, 69, "{}", ran.stderr);
}

#[tokio::test]
async fn a_newer_backup_is_refused_and_says_who_made_it() {
    let place = scanned();
    let before = place.exported();
    let (cluster, database) = place.join().await;
    change(&database, "insert into schema_migrations values (9999, 'later', '')").await;
    place.done(&["backup", "newer"]);
    change(&database, "delete from schema_migrations where version = 9999").await;
    drop(database);
    cluster.stop().expect("left");
    let ran = place.run(&["restore", "newer", "--yes"]);
    assert_eq!(ran.exit, 69, "{}", ran.stderr);
    let maker =
        concat!("made by scanflow ", env!("CARGO_PKG_VERSION"), " with schema version 9999");
    assert!(ran.stderr.contains(maker), "{}", ran.stderr);
    assert!(ran.stderr.contains("upgrade scanflow"), "{}", ran.stderr);
    assert_eq!(place.exported(), before);
}

#[tokio::test]
async fn a_restore_that_is_killed_before_its_last_step_leaves_what_was_there() {
    let place = scanned();
    place.done(&["backup", "older"]);
    let (cluster, database) = place.join().await;
    change(&database, "update insights set severity = 0").await;
    drop(database);
    cluster.stop().expect("left");
    let before = place.exported();

    // A run that was killed leaves a server, which lets the test in beside the restore.
    let run = Running::start(place.command(&["run"]));
    let (cluster, database) = place.join().await;
    let leads = "from leases where clock_timestamp() < expires_at";
    until(&database, leads, |n| 0 < n).await;
    drop((database, cluster));
    run.kill().await;
    let socket = fs::read_to_string(place.path("state/postgres.socket")).expect("a path");
    let url = format!("host='{}' user=scanflow dbname=postgres", socket.trim_end());
    let database = Database::open(&url, 2).expect("a valid URL");
    let connected = "from pg_stat_activity where datname = 'scanflow'";
    until(&database, connected, |n| n == 0).await;
    let mut client = database.client().await.expect("a connection");
    // The last step waits for whoever holds the name of the database.
    let held = client.transaction().await.expect("a transaction");
    held.batch_execute("comment on database scanflow is 'held'").await.expect("a lock");
    let restore = Running::start(place.command(&["restore", "older", "--yes"]));
    let waiting = "from pg_stat_activity where query like '%rename%' and wait_event_type = 'Lock'";
    until(&database, waiting, |n| 0 < n).await;
    restore.kill().await;
    // What it has asked for would be done after its death, whole.
    let end = format!("select pg_terminate_backend(pid, 60000) {waiting}");
    change(&database, &end).await;
    drop(held);
    let databases = "from pg_database where datname like 'scanflow%'";
    assert_eq!(count(&database, databases).await, 2, "what was restored is beside it");

    assert_eq!(place.exported(), before);
    let (cluster, database) = place.join().await;
    assert_eq!(count(&database, databases).await, 1);
    drop((cluster, database));
    place.done(&["restore", "older", "--yes"]);
    assert_ne!(place.exported(), before);
}

#[tokio::test]
async fn who_waits_for_a_start_or_a_restore_says_so_and_ends_when_it_is_told_to() {
    let place = Private::new();
    fs::create_dir(place.path("state")).expect("a folder");
    let lock = fs::File::create(place.path("state/postgres.lock")).expect("a file");
    lock.lock().expect("nobody else has it");
    let fleet = workspace().join("samples/fleet");
    let import = ["import", fleet.to_str().expect("UTF-8")];
    for (arguments, code) in [(&["run"][..], 0), (&import, 143)] {
        let mut waiting = Running::start(place.command(arguments));
        waiting.says("waiting: another scanflow").await;
        waiting.signal("TERM");
        let ended = waiting.end().await;
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", ended.stderr);
    }
}

//! The server dies under a run.

use std::fs;
use std::process::Command;

use scanflow_testing::workspace;

use super::{Private, until};
use crate::running::Running;

#[tokio::test]
async fn a_server_that_is_killed_under_a_run_comes_back_and_the_run_goes_on() {
    let fleet = workspace().join("samples/fleet/is-a-dev-fleet");
    let (place, undisturbed) = (Private::new(), Private::new());
    for place in [&place, &undisturbed] {
        place.import(&fleet);
    }
    let mut command = place.command(&["run", "--once"]);
    // Longer than any recovery on a busy machine.
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "60s");
    let mut run = Running::start(command);
    let mut pids = Vec::new();
    for scans in [1, 3_000] {
        let (cluster, database) = place.join().await;
        let scanned = "from scan_state where last_completed_at is not null";
        until(&database, scanned, |n| scans <= n).await;
        let pid = cluster.server_pid().expect("a server");
        drop((database, cluster));
        run.forget_said();
        let status = Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(status.expect("kill").success());
        run.says("starting it again").await;
        pids.push(pid);
    }
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_ne!(pids[0], pids[1]);
    assert!(!fs::exists(place.path("state/postgres.socket")).expect("a folder"), "it was stopped");

    undisturbed.done(&["run", "--once"]);
    let differs = place.exported() != undisturbed.exported();
    assert!(!differs, "it is another fleet");
}

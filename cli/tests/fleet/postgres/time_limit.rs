//! A role whose statements the server cuts off.

use scanflow_testing::ThrowAwayServer;

use super::{done, undisturbed};
use crate::process::Place;
use crate::running::Running;

#[tokio::test]
async fn a_time_limit_of_the_role_breaks_neither_import_nor_run() {
    let server = ThrowAwayServer::start(&[]);
    let expected = undisturbed(&server).await;
    let (place, direct) =
        Place::reached(&server, |name| format!("{} dbname={name}", server.url())).await;
    // Each flush, and each batch of the import, takes longer than it may.
    let limits = "
        create function dawdle() returns trigger language plpgsql as $$
            begin perform pg_sleep(0.3); return null; end $$;
        create trigger dawdle after insert on zones execute function dawdle();
        create trigger dawdle after update on scan_state execute function dawdle();
        do $$ begin
            execute format('alter database %I set statement_timeout = 200', current_database());
            execute format('alter database %I set idle_in_transaction_session_timeout = 5000',
                           current_database());
        end $$";
    direct.client().await.expect("a connection").batch_execute(limits).await.expect("limits");
    done(&place, &["migrate"]);
    place.import_sample();
    let run = Running::start(place.command(&["run", "--once"]));
    let ended = run.end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("the server cut a statement off"), "{}", ended.stderr);
    done(&place, &["status"]);
    assert!(done(&place, &["export"]) == expected, "not what is found without a limit");
}

//! A server that stands still, and one that dies and comes back.

use scanflow::store::postgres::cluster::StopMode;

use crate::dice::Dice;
use crate::drill::{Drill, rests, server, times};
use crate::processes::Frozen;

#[tokio::test]
async fn one_run_lives_through_a_server_that_freezes_and_dies() {
    let server = server();
    let Some(drill) = Drill::start("postgres_stopped", server).await else { return };
    let drill = drill.with("SCANFLOW_SCHEDULE__LEASE_TTL", "60s");
    let mut dice = Dice::seeded();
    let mut run = drill.lead().await;
    drill.scans(1).await;
    drill
        .while_changing(async {
            for number in 0..times(10) {
                drill.scans(dice.below(3_000)).await;
                if number % 2 == 0 {
                    let frozen = Frozen::server(server.server());
                    rests(&run, 5 + dice.below(40)).await;
                    drop(frozen);
                } else {
                    run.forget_said();
                    server.server().stop(StopMode::Immediate).expect("it dies");
                    run.says(" again").await;
                    server.start_again();
                }
                drill.disturbed();
            }
        })
        .await;
    drill.end(run).await;
}

#[tokio::test]
async fn a_run_ends_beside_a_frozen_server_and_the_next_one_goes_on() {
    let server = server();
    let Some(drill) = Drill::start("postgres_stopped_for_long", server).await else { return };
    let drill = drill.with("SCANFLOW_SCHEDULE__LEASE_TTL", "1s");
    let drill = drill.with("SCANFLOW_RUN__SHUTDOWN_GRACE", "2s");
    let mut dice = Dice::seeded();
    let run = drill.while_changing(async {
        let mut run = drill.lead().await;
        for number in 0..times(4) {
            drill.scans(1 + dice.below(3_000)).await;
            let frozen = Frozen::server(server.server());
            // Either somebody ends it, or its lease does.
            let asked = number % 2 == 0;
            if asked {
                run.signal("TERM");
            }
            let ended = run.end().await;
            let code = if asked { 0 } else { 75 };
            assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
            assert!(ended.stderr.contains("given up and are still due"), "{}", ended.stderr);
            drop(frozen);
            drill.disturbed();
            run = drill.lead().await;
        }
        run
    });
    let run = run.await;
    drill.end(run).await;
}

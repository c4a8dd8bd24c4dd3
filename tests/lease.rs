//! The lease of the scheduler, on a real server.

use std::time::Duration;

use scanflow::clock::{Clock, ManualClock};
use scanflow::store::postgres::{Database, Lease, Lost, Taken, keep};

const TTL: Duration = Duration::from_millis(600);

async fn take(database: &Database) -> Taken {
    Lease::take(database, &Clock::system(), TTL).await.expect("a working server")
}

async fn lead(database: &Database) -> Lease {
    match take(database).await {
        Taken::Lease(lease) => lease,
        Taken::Held { holder } => panic!("{holder} leads"),
    }
}

#[tokio::test]
async fn the_next_leader_waits_for_a_dead_one_and_counts_above_it() {
    let test = scanflow_testing::database().await;
    let clock = Clock::system();
    let dead = lead(&test.database).await;
    let next = lead(&test.database).await;
    assert!(dead.valid_until() <= clock.now(), "it waited until the time of the other was over");
    assert_eq!((dead.sequence_start(), next.sequence_start()), (1 << 40, 2 << 40));
    assert_eq!(keep(dead, &test.database, &clock).await, Lost::RanOut);
}

#[tokio::test]
async fn a_dead_lease_that_runs_on_since_the_servers_clock_was_set_back_is_taken_over() {
    let test = scanflow_testing::database().await;
    let dead = lead(&test.database).await;
    let client = test.database.client().await.expect("a connection");
    let set_back = "update leases set expires_at = expires_at + interval '1 day'";
    client.execute(set_back, &[]).await.expect("a later end");
    let manual = ManualClock::at(Clock::system().now());
    let (clock, step) = (manual.clock(), Lease::TTL_MAX / 1_000);
    let before = clock.now();
    let ticking = async {
        // One step with each answer of the server.
        while client.execute("select", &[]).await.is_ok() {
            manual.advance(step);
        }
    };
    let taken = tokio::select! {
        taken = Lease::take(&test.database, &clock, TTL) => taken.expect("a working server"),
        () = ticking => panic!("no answer"),
    };
    let Taken::Lease(next) = taken else { panic!("{taken:?}") };
    assert!(Lease::TTL_MAX <= clock.now().since(before), "it may live, with a longer ttl");
    assert!(dead.sequence_start() < next.sequence_start());
}

#[tokio::test]
async fn nobody_leads_beside_a_living_one_and_a_released_lease_is_free_at_once() {
    let test = scanflow_testing::database().await;
    let mut lease = lead(&test.database).await;
    let (database, clock) = (test.database.clone(), Clock::system());
    let keeping = {
        let (lease, clock) = (lease.clone(), clock.clone());
        tokio::spawn(async move { keep(lease, &database, &clock).await })
    };
    assert!(matches!(take(&test.database).await, Taken::Held { .. }));
    keeping.abort();

    assert!(lease.renew(&test.database, &clock).await.expect("a renewal"));
    lease.release(&test.database).await.expect("a release");
    let before = clock.now();
    let next = lead(&test.database).await;
    assert!(clock.now().since(before) < TTL / 2, "no wait");
    assert_eq!(next.sequence_start(), 2 << 40);
}

#[tokio::test]
async fn a_leader_that_was_replaced_learns_it() {
    let test = scanflow_testing::database().await;
    let clock = Clock::system();
    let mut old = lead(&test.database).await;
    let _new = lead(&test.database).await;
    assert!(!old.renew(&test.database, &clock).await.expect("an answer"));
}

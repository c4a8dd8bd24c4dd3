//! The lease of the scheduler, on a real server.

use std::time::Duration;

use scanflow::clock::{Clock, ManualClock};
use scanflow::store::postgres::{
    Asked, Candidate, Database, DatabaseError, Lease, Lost, NotYet, Taken, TooFar, keep,
};
use scanflow_testing::{Distance, ThrowAwayServer};

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

/// What a candidate is told as long as it does not lead.
async fn not_yet(candidate: &mut Candidate, database: &Database, clock: &Clock) -> NotYet {
    match candidate.ask(database, clock).await.expect("an answer") {
        Asked::NotYet(not_yet) => not_yet,
        Asked::Lease(lease) => panic!("it leads: {lease:?}"),
    }
}

#[tokio::test]
async fn who_stands_by_believes_a_lease_as_long_as_it_is_renewed_and_no_longer() {
    let test = scanflow_testing::database().await;
    let manual = ManualClock::at(Clock::system().now());
    let clock = manual.clock();
    let ttl = Lease::TTL_MAX;
    let taken = Lease::take(&test.database, &clock, ttl).await.expect("a working server");
    let Taken::Lease(mut leader) = taken else { panic!("{taken:?}") };
    let mut candidate = Candidate::new(ttl, None);
    let first = not_yet(&mut candidate, &test.database, &clock).await;
    assert!(first.leader.is_some() && !first.is_living, "{first:?}");
    // Many times as long as a dead one is believed.
    for _ in 0..8 {
        manual.advance(Lease::TTL_MAX - Duration::from_secs(1));
        assert!(leader.renew(&test.database, &clock).await.expect("an answer"));
        let still = not_yet(&mut candidate, &test.database, &clock).await;
        assert!(still.is_living && still.leader == first.leader, "{still:?}");
        assert!(still.ask_again_in <= Duration::from_secs(1), "{still:?}");
    }
    // The server says that it runs on: for 5 minutes, of which no moment has gone there.
    manual.advance(Lease::TTL_MAX);
    let asked = candidate.ask(&test.database, &clock).await.expect("an answer");
    let Asked::Lease(next) = asked else { panic!("{asked:?}") };
    assert!(leader.sequence_start() < next.sequence_start());
    assert!(!leader.renew(&test.database, &clock).await.expect("an answer"));
}

#[tokio::test]
async fn who_stands_by_writes_nothing() {
    let test = scanflow_testing::database().await;
    let (clock, leader) = (Clock::system(), lead(&test.database).await);
    let client = test.database.client().await.expect("a connection");
    let row = "select ctid::text || xmin || xmax from leases";
    let before: String = client.query_one(row, &[]).await.expect("a row").get(0);
    let mut candidate = Candidate::new(TTL, Some(TTL));
    // Of a dead leader whose time is not over.
    while clock.now() < leader.valid_until() {
        let asked = candidate.ask(&test.database, &clock).await.expect("an answer");
        let after: String = client.query_one(row, &[]).await.expect("a row").get(0);
        assert_eq!(matches!(asked, Asked::NotYet(_)), before == after);
    }
}

#[tokio::test]
async fn nobody_takes_the_lease_from_too_far_away() {
    let server = ThrowAwayServer::start(&[]);
    let test = scanflow_testing::database_on(&server).await;
    let far = Duration::from_millis(200);
    let distance = Distance::before(&server, far).await;
    let name = test.url.rsplit_once(' ').expect("a name").1;
    let database = Database::open(&format!("{} {name}", distance.url()), 1).expect("a valid URL");
    let (clock, max) = (Clock::system(), far / 2);

    let mut candidate = Candidate::new(TTL, Some(max));
    let told = not_yet(&mut candidate, &database, &clock).await;
    let Some(TooFar { round_trip, .. }) = told.too_far else { panic!("{told:?}") };
    assert!(far <= round_trip && told.leader.is_none(), "{told:?}");
    let client = test.database.client().await.expect("a connection");
    let leases = "select count(*) from leases";
    assert_eq!(client.query_one(leases, &[]).await.expect("a row").get::<_, i64>(0), 0);

    // It need not be near, but for those who ask.
    let asked = Candidate::new(TTL, None).ask(&database, &clock).await.expect("an answer");
    assert!(matches!(asked, Asked::Lease(_)), "{asked:?}");

    distance.becomes(Duration::ZERO);
    let lease = loop {
        if let Asked::Lease(lease) = candidate.ask(&database, &clock).await.expect("an answer") {
            break lease;
        }
    };
    assert_eq!(lease.sequence_start(), 2 << 40);
}

#[tokio::test]
async fn whoever_gets_no_answer_asks_again_on_another_connection() {
    let server = ThrowAwayServer::start(&[]);
    let test = scanflow_testing::database_on(&server).await;
    let distance = Distance::before(&server, Duration::ZERO).await;
    let name = test.url.rsplit_once(' ').expect("a name").1;
    let database = Database::open(&format!("{} {name}", distance.url()), 1).expect("a valid URL");
    let clock = Clock::system();
    let leader = lead(&test.database).await;
    let mut candidate = Candidate::new(TTL, None);
    assert!(not_yet(&mut candidate, &database, &clock).await.leader.is_some());

    distance.becomes(Duration::from_secs(3_600));
    let err = candidate.ask(&database, &clock).await.expect_err("no answer");
    assert!(matches!(err, DatabaseError::Silent { within: TTL }) && err.is_transient(), "{err:?}");
    distance.becomes(Duration::ZERO);
    leader.release(&test.database).await.expect("released");
    let asked = candidate.ask(&database, &clock).await.expect("an answer");
    assert!(matches!(asked, Asked::Lease(_)), "{asked:?}");
}

//! What cannot be stored, on a real server: who is parked, and what becomes of it.

use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{Lane, Outcome, Verdict};
use scanflow::sinks::postgres::{Postgres, Replayed};
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::Database;
use scanflow::store::postgres::dead_letters::{self, LetterFilter, payload};
use scanflow::telemetry::Telemetry;
use scanflow_testing::{Metrics, TestDatabase};

use crate::{RUNTIME, finding, outcome, postgres};

fn finds(asset: i64, sequence: u64, subject: &str) -> Outcome {
    outcome(asset, 1, sequence, &[(0, Verdict::of(vec![finding(subject, "")]))])
}

async fn with_assets(assets: i64) -> TestDatabase {
    let test = scanflow_testing::database().await;
    postgres::add_assets(&test.database, 1, assets).await;
    test
}

async fn change(database: &Database, sql: &str) {
    let client = database.client().await.expect("a connection");
    client.batch_execute(sql).await.expect("valid statements");
}

async fn texts(database: &Database, sql: &str) -> Vec<String> {
    let client = database.client().await.expect("a connection");
    client.query(sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

fn measured(telemetry: &Telemetry, name: &str) -> f64 {
    Metrics::read(&telemetry.render(Clock::system().now())).sum(name, &[])
}

/// A sink whose statements wait 50 ms for a lock, and its metrics.
fn impatient(test: &TestDatabase) -> (Postgres, Telemetry) {
    let url = format!("{} options='-c lock_timeout=50ms'", test.url);
    let database = Database::open(&url, 2).expect("a valid URL");
    let telemetry = Telemetry::default();
    let clock = Clock::system();
    let tries = telemetry.lane(Lane::Fast, clock.clone()).flushes;
    let sink = Postgres::new(database, clock).measured_by(telemetry.sink()).retried_as(tries);
    (sink, telemetry)
}

#[test]
fn of_a_thousand_the_poisoned_are_parked_and_the_rest_lands_in_the_same_flush() {
    RUNTIME.block_on(async {
        let test = with_assets(1_000).await;
        let telemetry = Telemetry::default();
        let sink = Postgres::new(test.database.clone(), Clock::system());
        let sink = sink.measured_by(telemetry.sink());
        for (sequence, poisoned, statements_max) in [(1, &[618][..], 21), (2, &[1, 500, 1000], 59)]
        {
            let before = measured(&telemetry, "scanflow_sink_round_trips_total");
            let outcomes: Vec<Outcome> = (1..=1_000)
                .map(|asset| match poisoned.contains(&asset) {
                    true => finds(asset, sequence, "nul\0"),
                    false => finds(asset, sequence, &format!("found by {sequence}")),
                })
                .collect();
            let flushed = sink.flush(&outcomes).await.expect("a working server");
            for (asset, flushed) in (1..).zip(flushed) {
                let expected =
                    if poisoned.contains(&asset) { Flushed::Parked } else { Flushed::Done };
                assert_eq!(flushed, expected, "{asset}");
            }
            let open = format!(
                "select asset_id::text from insights where resolved_at is null
                    and subject = 'found by {sequence}' order by asset_id"
            );
            assert_eq!(texts(&test.database, &open).await.len(), 1_000 - poisoned.len());
            // Two more to number the check, and one for each that is parked.
            let statements = measured(&telemetry, "scanflow_sink_round_trips_total") - before;
            assert!(statements <= f64::from(statements_max + 2 + 3), "{statements}");
        }
        assert_eq!(measured(&telemetry, "scanflow_dlq_total"), 4.0);
        let parked = "select asset_id::text from dead_letters d order by d.asset_id";
        assert_eq!(texts(&test.database, parked).await, ["1", "500", "618", "1000"]);
    });
}

#[test]
fn a_lock_that_goes_away_parks_nobody() {
    RUNTIME.block_on(async {
        let test = with_assets(4).await;
        let (sink, telemetry) = impatient(&test);
        let holder = test.database.client().await.expect("a connection");
        holder
            .batch_execute("begin; select from scan_state where asset_id = 3 for update")
            .await
            .expect("the lock");
        let flight = tokio::spawn(async move {
            let outcomes: Vec<Outcome> = (1..=4).map(|asset| finds(asset, 1, "x")).collect();
            sink.flush(&outcomes).await
        });
        for _ in 0..3_000 {
            if 2.0 <= measured(&telemetry, "scanflow_sink_failures_total") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(measured(&telemetry, "scanflow_sink_retrying"), 1.0);
        holder.batch_execute("rollback").await.expect("the lock is gone");
        let flushed = flight.await.expect("no panic").expect("a flush");
        assert_eq!(flushed, [Flushed::Done; 4]);
        assert_eq!(measured(&telemetry, "scanflow_sink_retrying"), 0.0);
        assert!(texts(&test.database, "select id::text from dead_letters").await.is_empty());
    });
}

#[test]
fn a_lock_that_stays_parks_the_one_behind_it() {
    RUNTIME.block_on(async {
        let test = with_assets(4).await;
        let (sink, telemetry) = impatient(&test);
        sink.flush(&[finds(3, 1, "old")]).await.expect("a flush");
        let holder = test.database.client().await.expect("a connection");
        holder.batch_execute("begin; select from insights for update").await.expect("the lock");
        let outcomes: Vec<Outcome> = (1..=4).map(|asset| finds(asset, 2, "x")).collect();
        let flushed = sink.flush(&outcomes).await.expect("a flush");
        let [done, parked] = [Flushed::Done, Flushed::Parked];
        assert_eq!(flushed, [done, done, parked, done]);
        // 4 and 2 five times each, one three times: but the last of them are not tried again.
        assert_eq!(measured(&telemetry, "scanflow_sink_failures_total"), 10.0);
        holder.batch_execute("rollback").await.expect("the lock is gone");
        let parked = texts(&test.database, "select sqlstate from dead_letters").await;
        assert_eq!(parked, ["55P03"]);
        // Nothing is lost: it can be applied now.
        let id = dead_letters::ids(&test.database, &LetterFilter::default()).await.expect("ids")[0];
        let replayed = sink.replay(id).await.expect("a working server");
        assert!(matches!(replayed, Replayed::Applied), "{replayed:?}");
        let open = "select subject from insights where asset_id = 3 and resolved_at is null";
        assert_eq!(texts(&test.database, open).await, ["x"]);
    });
}

#[test]
fn a_set_up_that_is_wrong_parks_nothing() {
    RUNTIME.block_on(async {
        let test = with_assets(2).await;
        let sink = Postgres::new(test.database.clone(), Clock::system());
        for (broken, repaired) in [
            ("alter table insights rename to away", "alter table away rename to insights"),
            (
                "alter table insight_events detach partition insight_events_default;
                 create table kept as select relname from pg_class c join pg_inherits i
                     on i.inhrelid = c.oid where i.inhparent = 'insight_events'::regclass;
                 do $$ declare name text; begin for name in select relname from kept loop
                     execute format('alter table insight_events detach partition %I', name);
                 end loop; end $$",
                "alter table insight_events attach partition insight_events_default default",
            ),
        ] {
            change(&test.database, broken).await;
            let outcomes = [finds(1, 1, "x"), finds(2, 1, "y")];
            sink.flush(&outcomes).await.expect_err("nothing can be stored");
            change(&test.database, repaired).await;
            assert_eq!(sink.flush(&outcomes).await.expect("a flush"), [Flushed::Done; 2]);
            let parked = texts(&test.database, "select id::text from dead_letters").await;
            assert!(parked.is_empty(), "{parked:?}");
            change(
                &test.database,
                "delete from insights; delete from insight_events;
                 update scan_state set sequence = 0, config_version = 0, digest = null",
            )
            .await;
        }
    });
}

/// Insights and history, with their times.
const STORED: &str = "
    select format('%s %s %s %s %s %s', asset_id, check_id, subject, severity, resolution,
                  resolved_at is null) as line from insights
    union all
    select format('%s %s %s %s %s %s', asset_id, subject, change, reason, config_version, sequence)
      from insight_events
    union all
    select format('%s %s %s %s', asset_id, config_version, sequence, digest) from scan_state
    order by line";

#[test]
fn what_is_replayed_is_what_would_have_landed() {
    RUNTIME.block_on(async {
        let full = |sequence, subjects: &[&str]| {
            let found = subjects.iter().map(|subject| finding(subject, "")).collect();
            let pass = || Verdict::Pass;
            outcome(1, 1, sequence, &[(0, Verdict::of(found)), (1, pass()), (2, pass())])
        };
        let mut stored = Vec::new();
        for is_refused in [false, true] {
            let test = with_assets(1).await;
            let sink = Postgres::new(test.database.clone(), Clock::system());
            sink.flush(&[full(1, &["gone", "stays"])]).await.expect("a flush");
            if is_refused {
                let refuse = "alter table insights add constraint no_bad check (subject <> 'bad')";
                change(&test.database, refuse).await;
            }
            let outcome = full(2, &["stays", "bad"]);
            let flushed = sink.flush(std::slice::from_ref(&outcome)).await.expect("a flush");
            if is_refused {
                assert_eq!(flushed, [Flushed::Parked]);
                let letters = dead_letters::list(&test.database, &LetterFilter::default(), 9).await;
                let letters = letters.expect("letters");
                let id = letters[0].id;
                assert_eq!((letters.len(), letters[0].sqlstate.as_str()), (1, "23514"));
                let (_, bytes) =
                    dead_letters::find(&test.database, id).await.expect("a letter").expect("one");
                assert_eq!(payload::read(&bytes).expect("an outcome"), outcome);

                let before = texts(&test.database, STORED).await;
                let refused = sink.replay(id).await.expect("a working server");
                assert!(matches!(refused, Replayed::Refused(_)), "{refused:?}");
                assert_eq!(texts(&test.database, STORED).await, before, "it changed nothing");
                change(&test.database, "alter table insights drop constraint no_bad").await;
                let applied = sink.replay(id).await.expect("a working server");
                assert!(matches!(applied, Replayed::Applied), "{applied:?}");
                let again = sink.replay(id).await.expect("a working server");
                assert!(matches!(again, Replayed::Missing), "{again:?}");
            }
            stored.push(texts(&test.database, STORED).await);
        }
        assert_eq!(stored[0], stored[1]);
        assert!(stored[0].iter().any(|line| line.contains("bad")), "{stored:?}");
    });
}

#[test]
fn what_a_newer_scan_has_overtaken_is_obsolete_and_stays() {
    RUNTIME.block_on(async {
        let test = with_assets(1).await;
        let sink = Postgres::new(test.database.clone(), Clock::system());
        let flushed = sink.flush(&[finds(1, 1, "nul\0")]).await.expect("a flush");
        assert_eq!(flushed, [Flushed::Parked]);
        sink.flush(&[finds(1, 2, "newer")]).await.expect("a flush");
        let letters = dead_letters::list(&test.database, &LetterFilter::default(), 9).await;
        let letter = &letters.expect("letters")[0];
        assert!(letter.is_obsolete);
        let before = texts(&test.database, STORED).await;
        let replayed = sink.replay(letter.id).await.expect("a working server");
        assert!(matches!(replayed, Replayed::Obsolete), "{replayed:?}");
        assert_eq!(texts(&test.database, STORED).await, before);
        let count = dead_letters::count(&test.database, &LetterFilter::default()).await;
        assert_eq!(count.expect("a count"), 1);
    });
}

//! Two flights of one asset over two connections, one of them behind the lock of the other.

use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{Outcome, Verdict};
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::Database;

use crate::{RUNTIME, finding, outcome, postgres};

/// The keys that are open in the whole database.
async fn open(database: &Database) -> Vec<String> {
    let client = database.client().await.expect("a connection");
    let rows = client
        .query("select subject from insights where resolved_at is null order by subject", &[])
        .await;
    rows.expect("rows").iter().map(|row| row.get(0)).collect()
}

/// Waits until a backend of this database waits for a lock.
async fn somebody_waits(database: &Database) {
    let waiting = "select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let client = database.client().await.expect("a connection");
    for _ in 0..3_000 {
        if !client.query(waiting, &[]).await.expect("rows").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody waits for the lock");
}

/// `first` is flushed behind the lock of a transaction that applies `second`.
async fn behind_a_lock(first: Outcome, second: Outcome) -> (Vec<Flushed>, Vec<String>) {
    let test = scanflow_testing::database().await;
    postgres::add_assets(&test.database, 1, 1).await;
    let sink = Postgres::new(test.database.clone(), Clock::system());
    // An earlier scan: what it found is still open.
    let earlier = outcome(1, 1, 1, &[(0, Verdict::of(vec![finding("old", "")]))]);
    sink.flush(&[earlier]).await.expect("a flush");

    let holder = test.database.client().await.expect("a connection");
    holder.batch_execute("begin; select from scan_state for update").await.expect("the lock");
    let waiting = Postgres::new(test.database.clone(), Clock::system());
    let flight = tokio::spawn(async move { waiting.flush(&[first]).await });
    somebody_waits(&test.database).await;
    // The other flight, in the transaction that holds the lock.
    let (asset, fence) = (second.scan.asset.0, second.scan.fence);
    let found = second.findings.keys().map(|(_, subject)| subject.clone());
    let found: Vec<String> = found.collect();
    let check: i16 = holder
        .query_one("select id from checks where name = 't.a'", &[])
        .await
        .expect("the check is known")
        .get(0);
    holder
        .execute(
            "select flush_outcomes(now(), array[$1::bigint], array[$2::bigint],
                array[$3::bigint], array[now()], array[0::bigint], array[0], array[null::uuid],
                array[0], array[0], array[$4::smallint], array[false], array_fill(1, array[$6::int]),
                array_fill($4, array[$6]), $5::text[], array_fill(2::smallint, array[$6]),
                array_fill('{}'::text, array[$6]), false)",
            &[
                &asset,
                &fence.config_version.0.cast_signed(),
                &fence.sequence.0.cast_signed(),
                &check,
                &found,
                &i32::try_from(found.len()).expect("few"),
            ],
        )
        .await
        .expect("a flush in the open transaction");
    holder.batch_execute("commit").await.expect("a commit");
    let flushed = flight.await.expect("no panic").expect("a flush");
    (flushed, open(&test.database).await)
}

#[test]
fn the_newer_fence_wins_whoever_waited() {
    RUNTIME.block_on(async {
        let finds = |sequence, subjects: &[&str]| {
            let findings = subjects.iter().map(|subject| finding(subject, "")).collect();
            outcome(1, 1, sequence, &[(0, Verdict::of(findings))])
        };
        // The one that waits is newer and found nothing: it must see, and resolve, what the holder
        // of the lock wrote meanwhile.
        let (flushed, open) = behind_a_lock(finds(3, &[]), finds(2, &["new"])).await;
        assert_eq!((flushed, open), (vec![Flushed::Done], Vec::<String>::new()));
        // The one that waits is older: it changes nothing.
        let (flushed, open) = behind_a_lock(finds(2, &["late"]), finds(3, &["new"])).await;
        assert_eq!((flushed, open), (vec![Flushed::Stale], vec!["new".to_owned()]));
    });
}

//! What is forgotten, and what is not.

use std::time::{Duration, SystemTime};

use scanflow::clock::Clock;
use scanflow::model::UnixTime;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::retention::{Forgotten, Page, Retention};
use tokio_postgres::error::SqlState;

const DAY: Duration = Duration::from_secs(86_400);
/// 2025-08-15 12:00 UTC: past for every server.
const AT: UnixTime = UnixTime::from_micros(1_755_259_200_000_000);
const ALL: Retention = Retention {
    history: Some(Duration::from_secs(400 * 86_400)),
    dead_letters: Some(Duration::from_secs(30 * 86_400)),
    insights_resolved: Some(Duration::from_secs(730 * 86_400)),
};

async fn texts(database: &Database, sql: &str) -> Vec<String> {
    let client = database.client().await.expect("a connection");
    client.query(sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

async fn change(database: &Database, sql: &str) {
    let client = database.client().await.expect("a connection");
    client.batch_execute(sql).await.expect("valid statements");
}

async fn ensure(database: &Database, from: &str, months: i32) -> i32 {
    let client = database.client().await.expect("a connection");
    let sql = format!("select ensure_partitions('{from} 00:00:00+00', {months})");
    client.query_one(&sql, &[]).await.expect("partitions").get(0)
}

/// The months of a table, without those of the real time.
async fn months(database: &Database, table: &str) -> Vec<String> {
    let sql = format!(
        "select right(inhrelid::regclass::text, 6) as month from pg_inherits
          where inhparent = '{table}'::regclass and inhrelid::regclass::text < '{table}_2026'
          order by month"
    );
    texts(database, &sql).await
}

/// A row a month, in the history and in dead letters.
fn rows_of(first: &str, months: u32) -> String {
    format!(
        "insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence,
                                     config_version, sequence)
         select m, 1, 1, '', 1, 1, '{{}}', 1, 1
           from generate_series('{first}'::timestamptz, '{first}'::timestamptz
                + interval '{} months', '1 month') m;
         insert into dead_letters (at, asset_id, config_version, sequence, sqlstate, message, payload)
         select at, 1, 1, 1, '22021', '', '' from insight_events",
        months - 1
    )
}

#[tokio::test]
async fn exactly_the_months_that_are_over_are_dropped() {
    let test = scanflow_testing::database().await;
    let database = &test.database;
    assert_eq!(ensure(database, "2024-06-01", 15).await, 30);
    change(database, &rows_of("2024-06-15 00:00+00", 15)).await;
    let mut page = Page::default();
    // 400 days before are 2024-07-11: July 2024 is not over. 30 days before are 2025-07-16.
    let forgotten = ALL.forget(database, AT, &mut page).await.expect("a round");
    let mut dropped = vec!["insight_events_202406".to_owned()];
    let letters = ["06", "07", "08", "09", "10", "11", "12"].map(|month| format!("2024{month}"));
    let letters = letters.into_iter().chain((1..=6).map(|month| format!("20250{month}")));
    dropped.extend(letters.map(|month| format!("dead_letters_{month}")));
    assert_eq!(forgotten, Forgotten { partitions: dropped, ..Forgotten::default() });
    assert_eq!(months(database, "insight_events").await.len(), 14);
    assert_eq!(months(database, "dead_letters").await, ["202507", "202508"]);
    let left = "select count(*)::text from insight_events union all
                select count(*)::text from dead_letters";
    assert_eq!(texts(database, left).await, ["14", "2"]);
    let again = ALL.forget(database, AT, &mut page).await.expect("a round");
    assert_eq!(again, Forgotten::default());

    // To the moment: at the last instant of the 400 days July is kept, at the next it goes.
    let july_ends = UnixTime::from_micros(1_722_470_400_000_000) + 400 * DAY;
    let instant = Duration::from_micros(1);
    let before = july_ends.before(instant).expect("after 1970");
    let keep = Retention { dead_letters: None, ..ALL };
    let none = keep.forget(database, before, &mut page).await.expect("a round");
    assert_eq!(none, Forgotten::default());
    let july = keep.forget(database, july_ends, &mut page).await.expect("a round");
    assert_eq!(july.partitions, ["insight_events_202407"]);
}

#[tokio::test]
async fn off_keeps_everything_and_no_clock_drops_what_is_young() {
    let test = scanflow_testing::database().await;
    let database = &test.database;
    ensure(database, "2024-06-01", 15).await;
    let mut page = Page::default();
    let kept = Retention::default().forget(database, AT, &mut page).await.expect("a round");
    assert_eq!(kept, Forgotten::default());
    // A clock that is a thousand years ahead: the server's counts.
    let now = Clock::system().now();
    let all = "select inhrelid::regclass::text from pg_inherits where inhparent in
                   ('insight_events'::regclass, 'dead_letters'::regclass) order by 1";
    let ahead = now + 365_000 * DAY;
    ALL.forget(database, now, &mut page).await.expect("a round");
    let rightly = texts(database, all).await;
    ALL.forget(database, ahead, &mut page).await.expect("a round");
    assert_eq!(texts(database, all).await, rightly);
    // Whoever asks for less than a day is refused, whatever the settings say.
    let client = database.client().await.expect("a connection");
    for sql in [
        "select drop_old_partition('insight_events', now(), '1 hour')",
        "select drop_old_partition('insights', now(), '400 days')",
        "select forget_resolved_insights(now(), '-1 year', 0, 100)",
    ] {
        let err = client.query(sql, &[]).await.expect_err(sql);
        assert_eq!(err.code(), Some(&SqlState::INVALID_PARAMETER_VALUE), "{sql}: {err:?}");
    }
}

#[tokio::test]
async fn a_month_in_use_waits_for_the_next_round_and_holds_up_no_writer() {
    let test = scanflow_testing::database().await;
    let database = &test.database;
    ensure(database, "2024-06-01", 2).await;
    let writer = database.client().await.expect("a connection");
    let insert = "insert into insight_events (at, asset_id, check_id, subject, change, severity,
                      evidence, config_version, sequence)
                  values ('2025-08-15', 1, 1, '', 1, 1, '{}', 1, 1)";
    writer.batch_execute(&format!("begin; {insert}")).await.expect("a row");
    let mut page = Page::default();
    let forgotten = ALL.forget(database, AT, &mut page).await.expect("a round");
    assert_eq!(forgotten.busy, ["insight_events"]);
    // Only dead letters, which nobody writes, went.
    assert!(forgotten.partitions.iter().all(|name| name.starts_with("dead_letters_")));
    // The lock is not asked for any more: another writer does not wait for the first.
    let other = database.client().await.expect("a connection");
    other.batch_execute("set statement_timeout = '10s'").await.expect("a setting");
    other.batch_execute(insert).await.expect("a row");
    writer.batch_execute("commit").await.expect("a commit");
    let forgotten = ALL.forget(database, AT, &mut page).await.expect("a round");
    assert_eq!(forgotten.partitions, ["insight_events_202406"]);
}

#[tokio::test]
async fn months_to_come_are_made_another_time_if_somebody_reads_for_long() {
    let test = scanflow_testing::database().await;
    let database = &test.database;
    let dump = database.client().await.expect("a connection");
    dump.batch_execute("begin; lock table insight_events in access share mode")
        .await
        .expect("a lock");
    assert_eq!(ensure(database, "2023-08-01", 2).await, 2, "those of dead letters");
    assert_eq!(months(database, "insight_events").await, [""; 0]);
    dump.batch_execute("commit").await.expect("a commit");
    assert_eq!(ensure(database, "2023-08-01", 2).await, 2);
    assert_eq!(months(database, "insight_events").await, ["202308", "202309"]);
}

#[tokio::test]
async fn months_that_nobody_made_land_in_the_default_partition_and_go_when_all_is_over() {
    let test = scanflow_testing::database().await;
    let database = &test.database;
    // A run that slept from September on: nobody made October and the months after.
    ensure(database, "2023-08-01", 2).await;
    change(database, &rows_of("2023-08-20 00:00+00", 5)).await;
    let count = "select count(*)::text from insight_events_default";
    assert_eq!(texts(database, count).await, ["3"]);
    // It wakes up in December: its month stays where it is, the next ones are made.
    assert_eq!(ensure(database, "2023-12-21", 3).await, 4);
    let events = months(database, "insight_events").await;
    assert_eq!(events, ["202308", "202309", "202401", "202402"]);

    let history = Retention { dead_letters: None, ..ALL };
    let mut page = Page::default();
    // 2023-12-20, the day of the youngest row, and so many days less than 401 later.
    let at = |days: u32| UnixTime::from_micros(1_703_030_400_000_000) + (401 - days) * DAY;
    let early = history.forget(database, at(2), &mut page).await.expect("a round");
    assert_eq!(early.partitions, ["insight_events_202308", "insight_events_202309"]);
    assert_eq!(texts(database, count).await, ["3"], "one of them is too young");
    let late = history.forget(database, at(0), &mut page).await.expect("a round");
    assert_eq!(late.partitions, ["insight_events_default"]);
    assert_eq!(texts(database, count).await, ["0"]);
}

#[tokio::test]
async fn only_insights_that_were_resolved_long_ago_are_deleted() {
    let test = scanflow_testing::database().await;
    let database = &test.database;
    let long_ago = SystemTime::from(AT) - 731 * DAY;
    let client = database.client().await.expect("a connection");
    client
        .batch_execute(
            "insert into scan_state (asset_id) select generate_series(1, 20000);
             insert into checks (name) values ('t.a')",
        )
        .await
        .expect("assets");
    // Of every ten one is open, one was resolved a year ago, and eight long ago.
    client
        .execute(
            "insert into insights (asset_id, check_id, subject, severity, evidence, first_seen,
                                   changed_at, resolved_at, resolution)
             select n, 1, 'x', 1, '{\"text\": \"some evidence, so that the table has pages\"}',
                    $1::timestamptz, $1::timestamptz,
                    case n % 10 when 0 then null when 1 then $1::timestamptz + interval '1 year'
                    else $1::timestamptz end,
                    'fixed'
               from generate_series(1, 20000) n",
            &[&long_ago],
        )
        .await
        .expect("insights");
    let review = "insert into insight_reviews values (2, 1, 'x', 'other', null, 'n', 'me', now())";
    client.batch_execute(review).await.expect("a review");
    // A flush has the lock of an asset, and may be reopening what it had.
    let flush = database.client().await.expect("a connection");
    flush
        .batch_execute("begin; select from scan_state where asset_id = 2 for update")
        .await
        .expect("the lock");
    let mut page = Page::default();
    let forgotten = ALL.forget(database, AT, &mut page).await.expect("a round");
    assert_eq!(forgotten, Forgotten { insights: 15_999, ..Forgotten::default() });
    flush.batch_execute("rollback").await.expect("the lock is gone");
    let forgotten = ALL.forget(database, AT, &mut page).await.expect("a round");
    assert_eq!(forgotten.insights, 1);
    let left = "select format('%s %s', count(*), count(*) filter (where resolved_at is null))
                  from insights union all select classification from insight_reviews";
    assert_eq!(texts(database, left).await, ["4000 2000", "other"], "reviews are kept");
}

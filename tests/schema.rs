//! Migrations on a real server.

use std::time::{Duration, SystemTime};

use scanflow::model::UnixTime;
use scanflow::store::postgres::migrate::{self, MigrateError, NEWEST, check_version, migrate};

/// 2026-11-30 12:00 UTC: three months on is another year.
const AT: UnixTime = UnixTime::from_micros(1_796_040_000_000_000);

#[tokio::test]
async fn migrates_once_and_only_what_is_missing() {
    let test = scanflow_testing::empty_database().await;
    assert!(matches!(check_version(&test.database).await, Err(MigrateError::Empty)));
    let before = migrate::status(&test.database).await.expect("a status");
    assert!(before.iter().all(|status| status.applied_at.is_none()), "{before:?}");

    let first = migrate(&test.database, AT).await.expect("migrated");
    let files: Vec<&str> = migrate::ALL.iter().map(|migration| migration.file).collect();
    assert_eq!((first.version, first.files, first.partitions), (NEWEST, files, 8));
    let second = migrate(&test.database, AT).await.expect("migrated");
    assert_eq!((second.files.len(), second.partitions), (0, 0));
    check_version(&test.database).await.expect("the newest schema");
    let after = migrate::status(&test.database).await.expect("a status");
    assert!(after.iter().all(|status| status.applied_at.is_some()), "{after:?}");
}

#[tokio::test]
async fn makes_the_partitions_of_the_month_and_three_more() {
    let test = scanflow_testing::empty_database().await;
    migrate(&test.database, AT).await.expect("migrated");
    let client = test.database.client().await.expect("a connection");
    let insert = "insert into insight_events (at, asset_id, check_id, subject, change, severity,
                      evidence, config_version, sequence)
                  values ($1, 1, 1, '', 1, 1, '{}', 1, 1) returning tableoid::regclass::text";
    let day = Duration::from_secs(86_400);
    let start = SystemTime::UNIX_EPOCH + Duration::from_micros(AT.as_micros());
    for (days, partition) in [
        (0, "insight_events_202611"),
        (1, "insight_events_202612"),
        (60, "insight_events_202701"),
        (90, "insight_events_202702"),
        (91, "insight_events_default"),
    ] {
        let row = client.query_one(insert, &[&(start + day * days)]).await.expect("an event");
        assert_eq!(row.get::<_, String>(0), partition);
    }
}

#[tokio::test]
async fn dead_letters_are_kept_when_they_get_months() {
    let test = scanflow_testing::empty_database().await;
    let client = test.database.client().await.expect("a connection");
    for migration in migrate::ALL.iter().filter(|migration| migration.version < 6) {
        client.batch_execute(migration.sql).await.expect(migration.file);
    }
    client
        .batch_execute(
            "insert into dead_letters (at, asset_id, config_version, sequence, sqlstate, message,
                                       payload)
             select '2026-08-31 23:00+00'::timestamptz + n * interval '1 hour', n, 1, 1, '22021',
                    'why', 'x' from generate_series(1, 3) n;
             delete from dead_letters where asset_id = 1",
        )
        .await
        .expect("letters");
    let months = migrate::ALL.iter().find(|migration| migration.version == 6).expect("it is there");
    client.batch_execute(months.sql).await.expect(months.file);
    client
        .batch_execute(
            "insert into dead_letters (at, asset_id, config_version, sequence, sqlstate, message,
                                       payload)
             values ('2026-09-02', 4, 1, 1, '22021', 'why', 'x')",
        )
        .await
        .expect("a new one");
    let rows =
        "select format('%s %s %s', id, asset_id, tableoid::regclass) from dead_letters order by id";
    let rows = client.query(rows, &[]).await.expect("rows");
    let rows: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(rows, [2, 3, 4].map(|id| format!("{id} {id} dead_letters_202609")));
}

#[tokio::test]
async fn many_at_once_apply_each_migration_once() {
    let test = scanflow_testing::empty_database().await;
    let all = futures_util::future::join_all((0..6).map(|_| migrate(&test.database, AT))).await;
    let files: usize = all.into_iter().map(|one| one.expect("migrated").files.len()).sum();
    assert_eq!(files, migrate::ALL.len());
}

#[tokio::test]
async fn refuses_a_schema_that_is_older_newer_or_changed() {
    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    let newer = format!("insert into schema_migrations values ({}, 'later', '')", NEWEST + 1);
    for (change, word) in [
        (newer.as_str(), "upgrade scanflow"),
        ("delete from schema_migrations where version > 1", "run `scanflow migrate`"),
        ("update schema_migrations set checksum = '0' where version = 1", "another content"),
    ] {
        client.batch_execute(change).await.expect("changed");
        let err = check_version(&test.database).await.expect_err(change);
        assert!(err.to_string().contains(word), "{err}");
        assert!(!err.is_transient());
    }
    // Nothing is applied upon what is not known.
    migrate(&test.database, AT).await.expect_err("a changed migration");
    let count = client.query_one("select count(*) from schema_migrations", &[]).await;
    assert_eq!(count.expect("a count").get::<_, i64>(0), 1);
}

//! The runtime role: all of the work, none of the schema.

use scanflow::store::postgres::grants;
use scanflow_testing::TestDatabase;
use tokio_postgres::error::SqlState;

/// Odd, so that quoting counts.
const ROLE: &str = r#"run "it's""#;

/// A connection that is the runtime role, in a database of its own.
async fn runtime_role(test: &TestDatabase) -> scanflow::store::postgres::Session {
    let client = test.database.client().await.expect("a connection");
    let quoted = format!("\"{}\"", ROLE.replace('"', "\"\""));
    // Roles belong to the whole server, and tests run side by side: another one may have made it.
    if let Err(err) = client.batch_execute(&format!("create role {quoted} login")).await {
        let made = [SqlState::DUPLICATE_OBJECT, SqlState::UNIQUE_VIOLATION];
        assert!(err.code().is_some_and(|code| made.contains(code)), "{err}");
    }
    for _ in 0..2 {
        client.batch_execute(&grants(ROLE)).await.expect("valid grants");
    }
    let become_it = format!("set session authorization {quoted}");
    client.batch_execute(&become_it).await.expect("become it");
    client
}

/// What import, a flush, parking and the lease write.
const WORK: &[&str] = &[
    "select max(version) from schema_migrations",
    "insert into sources (name) values ('s')",
    "insert into accounts (source_id, external_id, name, plan, content_hash)
     values (1, 'a', 'a', 'free', gen_random_uuid()) on conflict (source_id, external_id)
     do update set name = excluded.name",
    "insert into zones (source_id, external_id, account_id, name, records_complete, content_hash)
     values (1, 'z', 1, 'example.org', true, gen_random_uuid())",
    "delete from records where zone_id = 2",
    "insert into records (zone_id, name, type, content) values (2, 'example.org', 'A', '192.0.2.1')",
    "update zones set config_version = config_version + 1 where id = 2",
    "insert into asset_changes (asset_id) values (2)",
    "insert into scan_state (asset_id) values (1), (2)",
    "insert into checks (name) values ('spf.missing') on conflict do nothing",
    "select ensure_partitions(now(), 3)",
    "select opened from flush_outcomes(now(), '{2}', '{1}', '{1}', array[now()], '{10}', '{1}',
         array[gen_random_uuid()], '{0}', '{0}', '{1}', '{false}', '{1}', '{1}', '{example.org}',
         '{2}', array['{}'], false)",
    "select opened from flush_outcomes(now(), '{2}', '{1}', '{2}', array[now()], '{10}', '{1}',
         array[gen_random_uuid()], '{0}', '{0}', '{1}', '{true}', '{}', '{}', '{}', '{}', '{}', true)",
    "select fence_outcomes('{1}', '{0}', '{0}', '{null}')",
    "select change_insights(now(), '{}', '{}', '{}'), resolve_insights(now(), '{}', '{}', '{}', '{}', '{}'),
            complete_scans(now(), '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    "insert into sink_scratch_insights overriding system value select * from insights",
    "insert into sink_scratch_events select * from insight_events",
    "insert into sink_calibrations values ('server', 'host', 1, now())
     on conflict (server, host) do update set copy_findings_min = 2",
    "select park_outcome(now(), 1, 1, 1, now(), '22021', 'why', 'x')",
    "insert into insight_reviews values
         (2, 1, 'example.org', 'accepted', now(), 'why', 'me', now())
     on conflict (asset_id, check_id, subject) do update set note = excluded.note",
    "insert into insight_review_events (at, author, asset_id, check_id, subject, after)
     values (now(), 'me', 2, 1, 'example.org', 'accepted')",
    "begin; lock table insight_reviews in share row exclusive mode; commit",
    "delete from insight_reviews",
    "select prune_assets('{2}')",
    "select 1 from dead_letters where id = 1 for update",
    "delete from dead_letters",
    "select drop_old_partition('insight_events', now(), '400 days')",
    "select drop_old_partition('dead_letters', now(), '30 days')",
    "select * from forget_resolved_insights(now(), '2 years', 0, 128)",
    "insert into leases values ('schedule', 'me', 1, now())
     on conflict (name) do update set token = leases.token + 1",
    "create temp table staging (asset bigint) on commit drop",
    "select count(*) from insights join insight_events using (asset_id)",
];

#[tokio::test]
async fn does_all_of_the_work() {
    let test = scanflow_testing::database().await;
    let client = runtime_role(&test).await;
    for statement in WORK {
        let done = client.batch_execute(statement).await;
        done.unwrap_or_else(|err| panic!("{statement}: {err:?}"));
    }
    let left = "select count(*) filter (where resolved_at is not null), count(*) from insights";
    let row = client.query_one(left, &[]).await.expect("counts");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1));
}

#[tokio::test]
async fn changes_neither_schema_nor_history() {
    let test = scanflow_testing::database().await;
    let client = runtime_role(&test).await;
    for statement in [
        "create table mine (a int)",
        "create extension pg_stat_statements",
        "alter table insights add column mine int",
        "drop table insights",
        "truncate records",
        "update insight_events set subject = ''",
        "delete from insight_events",
        "delete from insights",
        "update insight_review_events set author = 'another'",
        "delete from insight_review_events",
        "insert into schema_migrations values (99, 'mine', '')",
        "create role another",
        "copy records to program 'cat'",
    ] {
        let err = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(err.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {err:?}");
    }
    let nobody = "select rolsuper or rolcreaterole or rolcreatedb from pg_roles
                  where rolname = session_user";
    assert!(!client.query_one(nobody, &[]).await.expect("a role").get::<_, bool>(0));
}

/// What runs as the owner reads tables, and nobody's temporary views in their place.
#[tokio::test]
async fn nobody_becomes_the_owner_by_a_temporary_view() {
    let test = scanflow_testing::database().await;
    let client = runtime_role(&test).await;
    client
        .batch_execute(
            "create function pg_temp.steal() returns timestamptz language plpgsql volatile as $$
                 begin raise exception 'run as %', current_user; end $$;
             create temp view dead_letters_default as select pg_temp.steal() as at;
             create temp view insight_events_default as select pg_temp.steal() as at;
             create temp view insights as select pg_temp.steal() as resolved_at, 1::bigint as asset_id,
                 1::smallint as check_id, ''::text as subject;",
        )
        .await
        .expect("whoever may connect may have temporary objects");
    for statement in [
        "select drop_old_partition('dead_letters', now(), '400000 days')",
        "select drop_old_partition('insight_events', now(), '400000 days')",
        "select ensure_partitions(now(), 3)",
        "select deleted from forget_resolved_insights(now(), '2 years', 0, 1)",
    ] {
        client.batch_execute(statement).await.unwrap_or_else(|err| panic!("{statement}: {err:?}"));
    }
}

/// Whoever adds a table, a sequence or a function decides who may use it.
#[tokio::test]
async fn nothing_in_the_schema_is_forgotten() {
    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    let names = "select relname::text from pg_class c
                 where relnamespace = 'public'::regnamespace and not relispartition
                   and (relkind in ('r', 'p', 'v', 'm')
                     or relkind = 'S' and not exists (select from pg_depend d
                         where d.objid = c.oid and d.deptype = 'i'))
                 union all
                 select proname::text from pg_proc where pronamespace = 'public'::regnamespace";
    let rows = client.query(names, &[]).await.expect("names");
    let granted = grants("role");
    let words: Vec<&str> = granted.split([' ', ',', ';']).collect();
    for name in rows.iter().map(|row| row.get::<_, &str>(0)) {
        assert!(words.contains(&name), "{name} is not in src/store/postgres/grants.rs");
    }
    assert!(rows.len() > 10);
}

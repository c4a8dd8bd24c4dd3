//! A zone that is judged in shards, and `kill -9` in the middle of it.

use std::os::unix::process::ExitStatusExt;

use crate::process::Place;
use crate::running::Running;

/// Every fifth of its records is a private address.
const RECORDS: i64 = 40_000;
const GIANT: &str = "
    insert into sources (name) values ('s');
    insert into accounts (id, source_id, external_id, name, plan, content_hash)
    values (1, 1, 'a', 'A', 'pro', gen_random_uuid());
    insert into zones (id, source_id, external_id, account_id, name, records_complete, record_count,
                       content_hash)
    values (2, 1, 'giant', 1, 'giant.test', true, 40000, gen_random_uuid());
    insert into records (zone_id, name, type, content)
    select 2, 'host-' || n || '.giant.test', 'A',
           case when n % 5 = 0 then '10.0.0.1' else '1.1.1.1' end
      from generate_series(1, 40000) n;
    insert into scan_state (asset_id) values (1), (2);";

/// Half of the findings go, and some come.
const CHANGE: &str = "
    update records set content = '8.8.8.8' where content = '10.0.0.1' and name < 'host-3';
    update records set content = '10.0.0.2' where content = '1.1.1.1' and name like '%01.giant.test';
    update zones set config_version = config_version + 1 where id = 2;
    update scan_state set last_scheduled_at = null where asset_id = 2";

const SHARD_IS_READ: &str = "array_agg(name)%and name >";
const INSIGHTS_ARE_COPIED: &str = "copy insights (";

fn once(place: &Place) -> Running {
    let mut command = place.command(&["run", "--once"]);
    command.env("SCANFLOW_SCHEDULE__LEASE_TTL", "2s");
    command.env("SCANFLOW_LANES__SHARD_RECORDS", "500");
    command.env("SCANFLOW_SINK__COPY_FINDINGS_MIN", "1000");
    Running::start(command)
}

/// Starts a run, and kills it when a connection was asked something like this.
async fn killed_at(place: &Place, statement: &str) {
    let run = once(place);
    let asked = format!(
        "select exists (select from pg_stat_activity
                         where pid <> pg_backend_pid() and datname = current_database()
                           and query like '%{statement}%')"
    );
    place.until(&asked).await;
    let killed = run.kill().await;
    assert_eq!(killed.status.signal(), Some(9), "{}", killed.stderr);
}

async fn to_the_end(place: &Place) {
    let ended = once(place).end().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

/// Open private addresses, resolved ones, and what happened to all of them.
async fn counts(place: &Place) -> [i64; 3] {
    let of = "join checks c on c.id = check_id where c.name = 'dns.private_address'";
    let mut counts = [0; 3];
    for (count, sql) in counts.iter_mut().zip([
        format!("from insights {of} and resolved_at is null"),
        format!("from insights {of} and resolved_at is not null"),
        format!("from insight_events {of}"),
    ]) {
        *count = place.count(&sql).await;
    }
    counts
}

#[tokio::test]
async fn a_giant_whose_scan_was_killed_is_scanned_by_the_next_run_and_nothing_is_resolved_wrongly()
{
    let place = Place::filled(GIANT).await;
    for statement in [SHARD_IS_READ, INSIGHTS_ARE_COPIED] {
        killed_at(&place, statement).await;
        let done = place.count("from scan_state where asset_id = 2 and 0 < sequence").await;
        let open = if done == 1 { RECORDS / 5 } else { 0 };
        assert_eq!(counts(&place).await, [open, 0, open], "all of it or nothing: {statement}");
    }
    to_the_end(&place).await;
    let fresh = RECORDS / 5;
    assert_eq!(counts(&place).await, [fresh, 0, fresh]);

    place.change(CHANGE).await;
    let is = |condition: &str| format!("from records where {condition}");
    let left = place.count(&is("content = '10.0.0.1'")).await;
    let new = place.count(&is("content = '10.0.0.2'")).await;
    assert!(0 < left && left < fresh, "{left} of {fresh}");
    killed_at(&place, SHARD_IS_READ).await;
    to_the_end(&place).await;
    let gone = fresh - left;
    assert_eq!(counts(&place).await, [left + new, gone, fresh + gone + new]);
}

//! Removal of what a source no longer lists.

use scanflow::sources::inventory::{Event, ImportError, Options};

use crate::world::{Told, World};

const LINES: [&str; 6] = [
    r#"{"kind":"account","v":1,"id":"a","name":"A"}"#,
    r#"{"kind":"account","v":1,"id":"b","name":"B"}"#,
    r#"{"kind":"zone","v":1,"id":"x","account_id":"a","name":"x.test"}"#,
    r#"{"kind":"zone","v":1,"id":"y","account_id":"b","name":"y.test"}"#,
    r#"{"kind":"record","v":1,"zone_id":"x","name":"x.test","type":"TXT","content":"1"}"#,
    r#"{"kind":"record","v":1,"zone_id":"y","name":"y.test","type":"TXT","content":"1"}"#,
];

async fn prune(world: &World, lines: &[&str]) -> Told {
    let paths = vec![world.write("fleet.jsonl", lines.join("\n"))];
    let options = Options { paths, prune: vec!["fleet".into()], ..Options::default() };
    world.try_import(&options).await.expect("an import")
}

/// All of [`LINES`], imported and scanned: zone y has an open insight and account b a resolved one.
async fn scanned() -> World {
    let world = World::new().await;
    world.import_lines(&LINES).await;
    world
        .execute(
            "insert into checks (name) values ('spf.missing');
             insert into insights (asset_id, check_id, subject, severity, evidence, first_seen,
                                   changed_at, resolved_at, resolution)
             select z.id, c.id, 'y.test', 2, '{}'::jsonb, now(), now(), null::timestamptz, null
               from zones z, checks c where z.external_id = 'y'
             union all
             select a.id, c.id, 'b', 2, '{}'::jsonb, now(), now(), now(), 'fixed'
               from accounts a, checks c where a.external_id = 'b';
             update scan_state set config_version = 1, sequence = 9, digest = gen_random_uuid();
             delete from asset_changes",
        )
        .await;
    world
}

#[tokio::test]
async fn without_it_nothing_is_removed_and_with_it_what_is_not_listed() {
    let world = scanned().await;
    let [a, _, x, _, record, _] = LINES;
    world.import_lines(&[a, x, record]).await;
    assert_eq!(world.zones().await.len(), 2);
    let told = prune(&world, &[a, x, record]).await;
    assert_eq!((told.report.removed, told.report.problems), (2, 0));
    assert_eq!(world.zones().await, ["x 1 complete: 1"]);
    assert_eq!(world.number("select count(*) from records").await, 1);

    let insights = "select subject, resolution, resolved_at = changed_at from insights order by 1";
    assert_eq!(world.rows(insights).await, ["b fixed t", "y.test asset_removed t"]);
    let history = "select subject, change, reason, config_version, sequence from insight_events";
    assert_eq!(world.rows(history).await, ["y.test 3 asset_removed 2 9"]);
    let states = "select coalesce(z.external_id, a.external_id), s.config_version, sequence, \
                         digest is null \
                  from scan_state s left join zones z on z.id = asset_id \
                  left join accounts a on a.id = asset_id order by 1";
    assert_eq!(world.rows(states).await, ["a 1 9 f", "b 2 9 t", "x 1 9 f", "y 2 9 t"]);
    assert_eq!(world.number("select count(*) from asset_changes").await, 2);

    let before = world.rows_written().await;
    let again = prune(&world, &[a, x, record]).await;
    assert_eq!(again.report.removed, 0);
    assert_eq!(world.rows_written().await, before);
}

#[tokio::test]
async fn an_outcome_of_a_scan_that_began_before_the_removal_is_stale() {
    let world = scanned().await;
    prune(&world, &[LINES[0], LINES[2], LINES[4]]).await;
    let late = "select (flush_outcomes(now(), array[id], array[1::bigint], array[10::bigint], \
                array[now()], array[1::bigint], array[1], array[null::uuid], array[1], \
                array[]::int[], array[]::smallint[], array[]::boolean[], array[]::int[], \
                array[]::smallint[], \
                array[]::text[], array[]::smallint[], array[]::text[], false)).results \
                from zones where external_id = 'y'";
    assert_eq!(world.rows(late).await, ["{3}"]);
}

#[tokio::test]
async fn what_comes_back_has_its_old_id_and_a_newer_version() {
    let world = scanned().await;
    let id = "select id from zones where external_id = 'y'";
    let before = world.rows(id).await;
    prune(&world, &[LINES[0], LINES[2], LINES[4]]).await;
    world.execute("delete from asset_changes").await;
    world.import_lines(&LINES).await;
    assert_eq!(world.rows(id).await, before);
    assert_eq!(world.zones().await, ["x 1 complete: 1", "y 3 complete: 1"]);
    assert_eq!(world.number("select count(*) from asset_changes").await, 2);
    assert_eq!(world.number("select count(*) from scan_state").await, 4);
}

#[tokio::test]
async fn it_is_refused_when_a_problem_hides_what_is_listed() {
    let world = scanned().await;
    let [a, _, x, _, record, _] = LINES;
    let no_account = r#"{"kind":"zone","v":1,"id":"y","account_id":"b","name":"y.test"}"#;
    for bad in ["{", no_account, a, LINES[5]] {
        let told = prune(&world, &[a, x, record, bad]).await;
        let refused = Event::PruneRefused { source: "fleet".into() };
        assert!(told.events.contains(&refused), "{bad}");
        assert_eq!((told.report.removed, told.report.problems), (0, 1), "{bad}");
    }
    assert_eq!(world.zones().await.len(), 2);
    // A bad record hides no zone.
    let told = prune(&world, &[a, x, &record.replace("TXT", "A")]).await;
    assert_eq!((told.report.removed, told.report.problems), (2, 1));
}

#[tokio::test]
async fn an_empty_listing_removes_nothing() {
    let world = scanned().await;
    let [a, b, ..] = LINES;
    for lines in [&[][..], &[a, b]] {
        let told = prune(&world, lines).await;
        assert_eq!((told.report.removed, told.report.problems), (0, 1), "{lines:?}");
        assert!(told.lines()[0].contains("no zone is listed"), "{:?}", told.lines());
        assert!(told.events.contains(&Event::PruneRefused { source: "fleet".into() }));
    }
    for name in ["accounts", "zones", "records"] {
        world.write(&format!("fleet/{name}.jsonl"), "");
    }
    let paths = vec![world.path("fleet")];
    let options = Options { paths, prune: vec!["fleet".into()], ..Options::default() };
    let told = world.try_import(&options).await.expect("an import");
    assert_eq!((told.report.removed, told.report.problems), (0, 1));
    assert_eq!(world.zones().await, ["x 1 complete: 1", "y 1 complete: 1"]);
}

#[tokio::test]
async fn only_a_source_that_is_imported_can_be_pruned() {
    let world = World::new().await;
    let paths = vec![world.write("fleet.jsonl", LINES.join("\n"))];
    let options = Options { paths, prune: vec!["other".into()], ..Options::default() };
    let error = world.try_import(&options).await.expect_err("no such source");
    assert!(matches!(error, ImportError::NothingToPrune { .. }), "{error}");
    assert_eq!(world.number("select count(*) from zones").await, 0);
}

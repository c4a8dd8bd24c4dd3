//! What a second import changes, and what it leaves alone.

use crate::world::World;

const ACCOUNT: &str = r#"{"kind":"account","v":1,"id":"a","name":"A","plan":"pro"}"#;
const ZONE: &str = r#"{"kind":"zone","v":1,"id":"x","account_id":"a","name":"x.test"}"#;
const OTHER: &str = r#"{"kind":"zone","v":1,"id":"y","account_id":"a","name":"y.test"}"#;

fn record(zone: &str, content: &str) -> String {
    format!(
        r#"{{"kind":"record","v":1,"zone_id":"{zone}","name":"{zone}.test","type":"TXT","content":"{content}"}}"#
    )
}

#[tokio::test]
async fn the_change_of_one_record_of_a_real_fleet_raises_one_version() {
    let Some(moj) = scanflow_testing::shared_data("moj") else { return };
    let world = World::new().await;
    for name in ["accounts", "zones", "records"] {
        let lines = std::fs::read(moj.join(format!("{name}.jsonl.zst"))).expect("a file");
        let lines = zstd::decode_all(&lines[..]).expect("zstd");
        world.write(&format!("moj/{name}.jsonl"), lines);
    }
    world.import(world.path("moj")).await;
    let records = std::fs::read_to_string(world.path("moj/records.jsonl")).expect("a file");
    let changed = records.replacen("\"ttl\":172800", "\"ttl\":172801", 1);
    assert_ne!(records, changed);
    world.write("moj/records.jsonl", changed);
    let told = world.import(world.path("moj")).await;
    assert_eq!((told.report.written.changed, told.report.written.unchanged), (1, 406));
    let versions = "select config_version, count(*) from zones group by 1 order by 1";
    assert_eq!(world.rows(versions).await, ["1 405", "2 1"]);
    assert_eq!(world.number("select count(*) from records where ttl = 172801").await, 1);
    assert_eq!(world.number("select count(*) from records").await, 6_549);
    assert_eq!(world.number("select max(config_version) from accounts").await, 1);
    assert_eq!(world.number("select count(*) from asset_changes").await, 407);
}

#[tokio::test]
async fn an_unchanged_import_in_another_order_writes_nothing() {
    let world = World::new().await;
    let [one, two] = [record("x", "1"), record("x", "2")];
    world.import_lines(&[ACCOUNT, ZONE, &one, &two]).await;
    let before = world.rows_written().await;
    // Also the same record twice is the same set, and lines in the order of `sort`.
    let told = world.import_lines(&[ACCOUNT, &two, &one, &two, ZONE]).await;
    assert_eq!((told.report.written.changed, told.report.problems), (0, 0));
    assert_eq!(world.rows_written().await, before);
}

#[tokio::test]
async fn fields_of_a_zone_change_without_its_records_being_written() {
    let world = World::new().await;
    world.import_lines(&[ACCOUNT, ZONE, &record("x", "1")]).await;
    let before = world.rows_written().await;
    let zone = r#"{"kind":"zone","v":1,"id":"x","account_id":"a","name":"x.test","plan":"business","status":"active","tags":["t"],"settings":{"min_tls_version":"1.0","ssl":"off"},"dnssec":{"status":"active"}}"#;
    world.import_lines(&[ACCOUNT, zone, &record("x", "1")]).await;
    let after = world.rows_written().await;
    assert_eq!(after["records"], before["records"]);
    assert_eq!(after["asset_changes"], before["asset_changes"] + 1);
    let zone = "select plan, state, settings, dnssec, config_version, record_count from zones";
    let expected = r#"business {"tags": ["t"], "status": "active"} {"ssl": "off", "min_tls_version": "1.0"} {"status": "active"} 2 1"#;
    assert_eq!(world.rows(zone).await, [expected]);
}

#[tokio::test]
async fn another_weight_of_a_zone_is_announced() {
    let world = World::new().await;
    let import = async |count: usize| {
        let records: Vec<String> = (0..count).map(|n| record("x", &n.to_string())).collect();
        let lines: Vec<&str> =
            [ACCOUNT, ZONE].into_iter().chain(records.iter().map(|line| &**line)).collect();
        world.execute("delete from asset_changes").await;
        assert_eq!(world.import_lines(&lines).await.report.problems, 0);
        world.number("select count(*) from asset_changes").await
    };
    import(1).await;
    for (count, announced) in [(63, 0), (64, 1), (100, 0), (1, 1)] {
        assert_eq!(import(count).await, announced, "{count} records");
    }
}

#[tokio::test]
async fn a_set_is_replaced_emptied_and_left_alone() {
    let world = World::new().await;
    world.import_lines(&[ACCOUNT, ZONE, OTHER, &record("x", "1"), &record("y", "1")]).await;
    assert_eq!(world.zones().await, ["x 1 complete: 1", "y 1 complete: 1"]);
    world.import_lines(&[ACCOUNT, ZONE, OTHER, &record("x", "2")]).await;
    assert_eq!(world.zones().await, ["x 2 complete: 2", "y 2 complete: -"]);
    // What is not listed stays.
    world.import_lines(&[ACCOUNT, OTHER, &record("y", "3")]).await;
    assert_eq!(world.zones().await, ["x 2 complete: 2", "y 3 complete: 3"]);
    let versions = "select config_version from accounts";
    assert_eq!(world.rows(versions).await, ["1"]);
}

#[tokio::test]
async fn another_plan_of_an_account_is_announced_for_the_zones_that_share_it() {
    let world = World::new().await;
    let own = r#"{"kind":"zone","v":1,"id":"y","account_id":"a","name":"y.test","plan":"free"}"#;
    world.import_lines(&[ACCOUNT, ZONE, own]).await;
    world.execute("delete from asset_changes").await;
    world.import_lines(&[&ACCOUNT.replace("pro", "enterprise"), ZONE, own]).await;
    let announced = "select coalesce(a.external_id, z.external_id) from asset_changes c \
                     left join accounts a on a.id = asset_id \
                     left join zones z on z.id = asset_id order by 1";
    assert_eq!(world.rows(announced).await, ["a", "x"]);
    assert_eq!(world.zones().await, ["x 1 complete: -", "y 1 complete: -"]);
}

#[tokio::test]
async fn two_imports_of_one_source_at_once_are_one_after_the_other() {
    let world = World::new().await;
    let [one, two] = ["1", "2"].map(|content| {
        let lines = [ACCOUNT.to_owned(), ZONE.to_owned(), record("x", content)];
        world.write(&format!("{content}/fleet.jsonl"), lines.join("\n"))
    });
    let (one, two) = tokio::join!(world.import(one), world.import(two));
    assert_eq!(one.report.problems + two.report.problems, 0);
    let zones = world.zones().await;
    assert!(zones == ["x 2 complete: 1"] || zones == ["x 2 complete: 2"], "{zones:?}");
}

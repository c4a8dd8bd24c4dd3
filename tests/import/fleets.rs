//! The shared fleets.

use scanflow::sources::inventory::Event;

use crate::world::World;

#[tokio::test]
async fn all_shared_fleets_are_imported_whole_and_the_second_time_nothing_is_written() {
    let Some(data) = scanflow_testing::shared_data("") else { return };
    let world = World::new().await;
    let told = world.import(&data).await;
    assert_eq!(told.problems, []);
    let report = told.report;
    let counts = (report.sources, report.accounts, report.zones, report.records);
    assert_eq!(counts, (7, 25_005, 55_906, 251_576));
    for (table, count) in [
        ("accounts", 25_005),
        ("zones", 55_906),
        ("records", 251_576),
        ("scan_state", 80_911),
        ("asset_changes", 80_911),
    ] {
        assert_eq!(world.number(&format!("select count(*) from {table}")).await, count, "{table}");
    }
    let sources = world.rows("select name from sources order by name").await;
    let expected =
        ["dotgov", "dotgov-zone", "hackclub", "is-a-dev", "is-a-dev-fleet", "moj", "municipal"];
    assert_eq!(sources, expected);
    let wrong = "select z.external_id from zones z where record_count <> \
                 (select count(*) from records r where r.zone_id = z.id)";
    assert_eq!(world.rows(wrong).await, Vec::<String>::new());
    let partial = "select s.name, count(*) from zones z join sources s on s.id = source_id \
                   where not records_complete group by s.name order by s.name";
    assert_eq!(world.rows(partial).await, ["dotgov 16539", "municipal 29074"]);
    let skipped: Vec<String> = told
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Skipped(note) => Some(note.place.file.file_name()?.to_str()?.to_owned()),
            _ => None,
        })
        .collect();
    for name in ["federal-hosts", "samples", "changes", "dns-facts", "expected", "stats.json"] {
        assert!(skipped.iter().any(|skipped| skipped == name), "{name} in {skipped:?}");
    }

    let before = world.rows_written().await;
    assert!(before["records"] >= 251_576, "{before:?}");
    let again = world.import(&data).await;
    assert_eq!((again.report.written.changed, again.report.written.unchanged), (0, 80_911));
    assert_eq!(world.rows_written().await, before);
}

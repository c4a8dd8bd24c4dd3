//! Zone files, and which files are taken at all.

use std::path::PathBuf;

use scanflow::sources::inventory::{Options, Owner};

use crate::world::World;

const ZONE: &str = "$TTL 1h\n@ SOA ns.example.org. admin.example.org. 1 2 3 4 5\n@ TXT old\n";

#[tokio::test]
async fn a_folder_of_zone_files_is_one_source_with_the_owners_beside_them() {
    let world = World::new().await;
    world.write("zones/a.test.zone", ZONE);
    world.write("zones/db.b.test", ZONE);
    world.write("zones/c.test.zone.zst", zstd::encode_all(ZONE.as_bytes(), 1).expect("zstd"));
    world.write("zones/owners.csv", "zone,account,plan\nA.test,one,pro\nb.test,one,business\n");
    world.write("zones/README", "x");
    let told = world.import(world.path("zones")).await;
    assert_eq!(told.problems, []);
    let accounts = "select external_id, plan from accounts order by 1";
    assert_eq!(world.rows(accounts).await, ["imported free", "one pro"]);
    let zones = "select z.external_id, a.external_id, z.plan, record_count, records_complete \
                 from zones z join accounts a on a.id = account_id order by 1";
    let expected = ["a.test one null 2 t", "b.test one business 2 t", "c.test imported null 2 t"];
    assert_eq!(world.rows(zones).await, expected);
    assert_eq!(world.rows("select name from sources").await, ["zones"]);
    let before = world.rows_written().await;
    assert_eq!(world.import(world.path("zones")).await.report.written.changed, 0);
    assert_eq!(world.rows_written().await, before);
}

#[tokio::test]
async fn the_default_account_is_made_only_for_a_zone_without_an_owner() {
    let world = World::new().await;
    world.write("zones/a.test.zone", ZONE);
    world.write("zones/owners.csv", "a.test,one,pro\n");
    assert_eq!(world.import(world.path("zones")).await.problems, []);
    let accounts = "select external_id, plan from accounts order by 1";
    assert_eq!(world.rows(accounts).await, ["one pro"]);
    world.write("zones/b.test.zone", ZONE);
    assert_eq!(world.import(world.path("zones")).await.problems, []);
    assert_eq!(world.rows(accounts).await, ["imported free", "one pro"]);
}

#[tokio::test]
async fn one_zone_file_belongs_to_the_account_of_the_arguments() {
    let world = World::new().await;
    let options = Options {
        paths: vec![world.write("db.a.test", ZONE)],
        owner: Owner { account: Some("me".into()), plan: Some("enterprise".into()) },
        records_partial: true,
        ..Options::default()
    };
    world.try_import(&options).await.expect("an import");
    let zones = "select s.name, z.name, a.external_id, a.plan, records_complete from zones z \
                 join accounts a on a.id = account_id join sources s on s.id = z.source_id";
    assert_eq!(world.rows(zones).await, ["a.test a.test me enterprise f"]);
}

#[tokio::test]
async fn zone_files_given_one_by_one_share_the_account() {
    let world = World::new().await;
    let paths = vec![world.write("a.test.zone", ZONE), world.write("b.test.zone", ZONE)];
    let options = Options { paths, source: Some("s".into()), ..Options::default() };
    let told = world.try_import(&options).await.expect("an import");
    assert_eq!((told.problems, told.report.accounts, told.report.zones), (vec![], 1, 2));
}

#[tokio::test]
async fn a_zone_file_with_a_bad_line_keeps_its_set() {
    let world = World::new().await;
    world.write("zones/a.test.zone", ZONE);
    world.write("zones/b.test.zone", ZONE);
    world.import(world.path("zones")).await;
    world.write("zones/a.test.zone", format!("{ZONE}bad A nowhere\n"));
    world.write("zones/b.test.zone", ZONE.replace("old", "new"));
    let told = world.import(world.path("zones")).await;
    let lines = told.lines();
    assert!(lines.len() == 1 && lines[0].starts_with("4: "), "{lines:?}");
    let texts = "select z.name, config_version, content from zones z \
                 join records r on zone_id = z.id where type = 'TXT' order by 1";
    assert_eq!(world.rows(texts).await, ["a.test 1 old", "b.test 2 new"]);
    // So does one that was cut off where no line shows it.
    world.write("zones/b.test.zone", "");
    let told = world.import(world.path("zones")).await;
    assert_eq!(told.report.problems, 2);
    assert_eq!(world.rows(texts).await, ["a.test 1 old", "b.test 2 new"]);
}

#[tokio::test]
async fn a_zone_whose_row_of_owners_may_be_the_bad_one_is_not_given_away() {
    let world = World::new().await;
    world.write("zones/a.test.zone", ZONE);
    world.write("zones/b.test.zone", ZONE);
    world.write("zones/owners.csv", "a.test,one,pro\nb.test\n");
    let told = world.import(world.path("zones")).await;
    let lines = told.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "2: a row is zone, account, plan");
    assert!(lines[1].contains("owner"), "{lines:?}");
    assert_eq!(world.rows("select external_id from zones").await, ["a.test"]);
}

#[tokio::test]
async fn an_included_file_must_lie_below_the_folder_of_the_zone_file() {
    let world = World::new().await;
    world.write("secret", "@ TXT secret\n");
    world.write("zones/in/part", "@ TXT part\n");
    world.write("zones/a.test.zone", format!("{ZONE}$INCLUDE in/part\n"));
    let secret = world.path("secret");
    world.write("zones/b.test.zone", format!("{ZONE}$INCLUDE ../secret\n"));
    world.write("zones/c.test.zone", format!("{ZONE}$INCLUDE {}\n", secret.display()));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, world.path("zones/link")).expect("a link");
        world.write("zones/d.test.zone", format!("{ZONE}$INCLUDE link\n"));
    }
    let told = world.import(world.path("zones")).await;
    let lines = told.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("outside of the folder")), "{lines:?}");
    let texts = "select content from records where type = 'TXT' order by 1";
    assert_eq!(world.rows(texts).await, ["old", "part"]);
}

#[tokio::test]
async fn the_gov_zone_as_its_registry_publishes_it() {
    let Some(file) = scanflow_testing::shared_data("samples/bind-dotgov/gov.txt.zst") else {
        return;
    };
    let world = World::new().await;
    let told = world.import(&file).await;
    assert_eq!(told.problems, []);
    let zones = "select name, records_complete, record_count from zones";
    assert_eq!(world.rows(zones).await, ["gov t 47807"]);
}

#[tokio::test]
async fn json_lines_that_state_their_kinds_are_taken_from_a_folder_and_others_not() {
    let world = World::new().await;
    let account = r#"{"kind":"account","v":1,"id":"a","name":"A"}"#;
    let zone = r#"{"kind":"zone","v":1,"id":"z","account_id":"a","name":"z.test"}"#;
    world.write("all/fleet/1.ndjson", account);
    world.write("all/fleet/2.jsonl", zone);
    world.write("all/fleet/changes.jsonl", r#"{"ts":1}"#);
    world.write("all/other/expected.jsonl", r#"{"check":"x"}"#);
    world.write("all/three/accounts.jsonl", "");
    let told = world.import(world.path("all")).await;
    assert_eq!((told.report.sources, told.report.zones, told.report.problems), (1, 1, 0));
    assert_eq!(world.rows("select name from sources").await, ["fleet"]);
    let skipped = told.events.iter().filter_map(|event| match event {
        scanflow::sources::inventory::Event::Skipped(note) => Some(note.place.file.to_path_buf()),
        _ => None,
    });
    let skipped: Vec<PathBuf> = skipped.collect();
    let expected = ["all/fleet/changes.jsonl", "all/other", "all/three"];
    assert_eq!(skipped, expected.map(|name| world.path(name)));
}

/// Copies a folder of answers of the repository.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).expect("a copy");
        }
    }
}

#[tokio::test]
async fn answers_of_an_api_complete_each_other() {
    let world = World::new().await;
    copy(&scanflow_testing::workspace().join("tests/cloudflare"), &world.path("cf"));
    world.write("cf/stats.json", r#"{"zones":2}"#);
    let told = world.import(world.path("cf")).await;
    // Three bad zones, a missing page of zones and two bad records.
    assert_eq!(told.report.problems, 6, "{:?}", told.lines());
    let zones = "select external_id, plan, records_complete, settings->>'min_tls_version', \
                 dnssec->>'status', record_count from zones order by 1";
    let rows = world.rows(zones).await;
    assert_eq!(rows[0], "1c2d pro f 1.2 active 0", "{rows:?}");
    let accounts = "select external_id, name, settings->>'enforce_twofactor', \
                    jsonb_array_length(members) from accounts";
    assert_eq!(world.rows(accounts).await, ["0a1b Example Ltd false 2"]);

    // With the bad records taken out, the set is stored.
    let path = world.path("cf/zones/1c2d/dns_records.json");
    let text = std::fs::read(&path).expect("a file");
    let mut answer: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    answer["result"].as_array_mut().expect("records").truncate(7);
    answer["result_info"] = serde_json::Value::Null;
    std::fs::write(&path, answer.to_string()).expect("a file");
    let told = world.import(world.path("cf")).await;
    assert_eq!(told.report.problems, 4, "{:?}", told.lines());
    assert_eq!(world.rows(zones).await[0], "1c2d pro t 1.2 active 7");

    // A settings file that says less than nothing takes the facet away, and nothing else.
    world.write("cf/zones/1c2d/settings.json", r#"{"success":false,"errors":[]}"#);
    let told = world.import(world.path("cf")).await;
    assert_eq!(told.report.problems, 5, "{:?}", told.lines());
    assert_eq!(world.rows(zones).await[0], "1c2d pro t null active 7");
    // No page of records: the set stays.
    std::fs::remove_file(&path).expect("removed");
    world.import(world.path("cf")).await;
    assert_eq!(world.rows(zones).await[0], "1c2d pro t null active 7");
}

#[tokio::test]
async fn the_shared_answers_lack_pages_so_no_set_of_theirs_is_whole() {
    let Some(folder) = scanflow_testing::shared_data("samples/cloudflare-api") else { return };
    let world = World::new().await;
    let told = world.import(&folder).await;
    let lines = told.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("175 of 178 pages are missing"), "{lines:?}");
    assert_eq!((told.report.zones, told.report.accounts), (19, 2));
    assert_eq!(world.number("select count(*) from zones where records_complete").await, 0);
}

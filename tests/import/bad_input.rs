//! Bad input: each says where and why, keeps what it touches as it was, and stops nothing else.

use scanflow::sources::inventory::{ImportError, Options, WalkError};

use crate::world::World;

const ACCOUNT: &str = r#"{"kind":"account","v":1,"id":"a","name":"A"}"#;

fn zone(id: &str) -> String {
    format!(r#"{{"kind":"zone","v":1,"id":"{id}","account_id":"a","name":"{id}.test"}}"#)
}

fn record(zone: &str, content: &str) -> String {
    format!(
        r#"{{"kind":"record","v":1,"zone_id":"{zone}","name":"{zone}.test","type":"TXT","content":"{content}"}}"#
    )
}

/// Three zones of one record each, as version 1.
async fn world() -> World {
    let world = World::new().await;
    let zones = ["x", "y", "z"];
    let lines = zones.map(zone).into_iter().chain(zones.map(|zone| record(zone, "old")));
    let lines: Vec<String> = lines.collect();
    let lines: Vec<&str> = [ACCOUNT].into_iter().chain(lines.iter().map(|line| &**line)).collect();
    let told = world.import_lines(&lines).await;
    assert_eq!((told.problems.len(), told.report.records), (0, 3));
    world
}

/// Imports the three zones with new records `x`, then `lines`, then new records of `z`.
async fn import_with(world: &World, lines: &[&[u8]]) -> Vec<String> {
    let mut text: Vec<Vec<u8>> = vec![ACCOUNT.into()];
    text.extend(["x", "y", "z"].map(|id| zone(id).into_bytes()));
    text.push(record("x", "new").into());
    text.extend(lines.iter().map(|line| line.to_vec()));
    text.push(record("z", "new").into());
    let file = world.write("fleet.jsonl", text.join(&b'\n'));
    world.import(file).await.lines()
}

#[tokio::test]
async fn a_zone_with_a_bad_record_keeps_its_set() {
    let long = format!("{}.y.test", "a.".repeat(130));
    for (bad, reason) in [
        (record("y", "1").replace("y.test", &long), "255"),
        (record("y", "1").replace("TXT", "A"), "1"),
        (record("y", "1").replace("y.test", "other.test"), "does not lie in the zone"),
        (record("y", "1").replace("\"1\"", "1"), "expected a"),
        (record("y", "1").replace("\"v\":1", "\"v\":2"), "`v` is 2"),
        (record("y", "1").replace("\"content\"", "\"contents\""), "`content`"),
    ] {
        let world = world().await;
        let new = record("y", "new");
        let lines = import_with(&world, &[new.as_bytes(), bad.as_bytes()]).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("7: ") && lines[0].contains(reason), "{lines:?}");
        let zones = ["x 2 complete: new", "y 1 complete: old", "z 2 complete: new"];
        assert_eq!(world.zones().await, zones, "{reason}");
    }
}

#[tokio::test]
async fn a_new_zone_with_a_bad_record_is_partial_and_has_none() {
    let world = World::new().await;
    let bad = record("x", "1").replace("TXT", "A");
    let told = world.import_lines(&[ACCOUNT, &zone("x"), &record("x", "ok"), &bad]).await;
    assert_eq!(told.report.problems, 1);
    assert_eq!(world.zones().await, ["x 1 partial: -"]);
    // The same again writes nothing; the repaired one replaces the set.
    let told = world.import_lines(&[ACCOUNT, &zone("x"), &record("x", "ok"), &bad]).await;
    assert_eq!((told.report.problems, told.report.written.changed), (1, 0));
    world.import_lines(&[ACCOUNT, &zone("x"), &record("x", "ok")]).await;
    assert_eq!(world.zones().await, ["x 2 complete: ok"]);
}

#[tokio::test]
async fn a_line_that_says_nothing_keeps_its_neighbours_and_empties_nobody() {
    for (line, reason) in [
        (&b"{\"kind\":\"record\""[..], "EOF"),
        (b"\xff\xfe", "invalid UTF-8 at byte 1"),
        (b"[]", "invalid"),
        (b"{\"kind\":\"host\",\"v\":1}", "not account, zone or record"),
    ] {
        let world = world().await;
        let lines = import_with(&world, &[line]).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("6: ") && lines[0].contains(reason), "{lines:?}");
        let zones = ["x 1 complete: old", "y 1 complete: old", "z 1 complete: old"];
        assert_eq!(world.zones().await, zones);
        // Zones farther away are imported.
        let y = record("y", "new");
        import_with(&world, &[y.as_bytes(), line]).await;
        let zones = ["x 2 complete: new", "y 1 complete: old", "z 1 complete: old"];
        assert_eq!(world.zones().await, zones);
    }
}

#[tokio::test]
async fn record_lines_that_are_not_together_name_both_places() {
    let world = world().await;
    let [y, x] = [record("y", "new"), record("x", "newer")];
    let lines = import_with(&world, &[y.as_bytes(), x.as_bytes()]).await;
    assert_eq!(lines.len(), 1);
    let both = lines[0].starts_with("7: ") && lines[0].ends_with("fleet.jsonl:5");
    assert!(both && lines[0].contains("not together"), "{lines:?}");
    let zones = ["x 1 complete: old", "y 2 complete: new", "z 2 complete: new"];
    assert_eq!(world.zones().await, zones);
}

#[tokio::test]
async fn records_of_a_zone_that_is_not_listed_are_told_of_once() {
    let world = world().await;
    let [y, u] = [record("y", "new"), record("u", "1")];
    let lines = import_with(&world, &[y.as_bytes(), u.as_bytes(), u.as_bytes()]).await;
    assert_eq!(lines, ["7: 2 records of the zone \"u\", which is not listed"]);
    let zones = ["x 2 complete: new", "y 2 complete: new", "z 2 complete: new"];
    assert_eq!(world.zones().await, zones);
}

#[tokio::test]
async fn a_zone_without_account_is_not_stored_and_its_records_are_not_told_of() {
    let world = World::new().await;
    let none = zone("x").replace(r#""account_id":"a","#, "");
    let unknown = zone("y").replace("\"a\"", "\"b\"");
    let [x, y, z] = ["x", "y", "z"].map(|zone| record(zone, "1"));
    let told = world.import_lines(&[ACCOUNT, &none, &unknown, &zone("z"), &x, &y, &z]).await;
    let lines = told.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("2: a zone without an account"), "{lines:?}");
    assert_eq!(lines[1], "3: the zone's account \"b\" is unknown");
    assert_eq!(world.zones().await, ["z 1 complete: 1"]);
}

#[tokio::test]
async fn the_second_of_equal_ids_is_told_of() {
    let world = World::new().await;
    let second = zone("x").replace("x.test", "other.test");
    let told = world.import_lines(&[ACCOUNT, ACCOUNT, &zone("x"), &second]).await;
    let lines = told.lines();
    assert_eq!(lines.len(), 2);
    for (line, (second, first)) in lines.iter().zip([(2, 1), (4, 3)]) {
        let place = format!("fleet.jsonl:{first} already");
        assert!(line.starts_with(&format!("{second}: ")) && line.ends_with(&place), "{line}");
    }
    assert_eq!(world.rows("select name from zones").await, ["x.test"]);
}

#[tokio::test]
async fn a_plan_without_a_cadence_is_stored_and_told_of() {
    let world = World::new().await;
    let account = ACCOUNT.replace("}", r#","plan":"gold"}"#);
    let told = world.import_lines(&[&account, &zone("x")]).await;
    assert_eq!(told.lines(), ["1: the plan \"gold\" has no cadence: scheduled as free"]);
    assert_eq!(world.rows("select plan from accounts").await, ["gold"]);
    assert_eq!(world.zones().await, ["x 1 complete: -"]);
}

#[tokio::test]
async fn a_nul_character_is_no_reason_for_postgres_to_refuse_others() {
    let world = World::new().await;
    let [x, y] = [zone("x").replace("}", r#","tags":["\u0000"]}"#), zone("y")];
    let told = world.import_lines(&[ACCOUNT, &x, &y, &record("y", "a\\u0000b")]).await;
    assert_eq!(told.lines(), ["2: a NUL character cannot be stored"]);
    assert_eq!(world.zones().await, ["y 1 complete: a\\000b"]);
}

#[tokio::test]
async fn a_truncated_file_is_named_and_keeps_what_did_not_come() {
    let world = World::new().await;
    let zones: Vec<String> = (0..4_000).map(|n| zone(&format!("z{n:04}"))).collect();
    let write = |content: &str, keep: f64| {
        let records: Vec<String> =
            (0..4_000).map(|n| record(&format!("z{n:04}"), &format!("{content}{n}"))).collect();
        let lines =
            |lines: &[String]| zstd::encode_all(lines.join("\n").as_bytes(), 3).expect("zstd");
        world.write("cut/accounts.jsonl", ACCOUNT);
        world.write("cut/zones.jsonl.zst", lines(&zones));
        let bytes = lines(&records);
        let length = (bytes.len() as f64 * keep) as usize;
        world.write("cut/records.jsonl.zst", &bytes[..length]);
    };
    write("old", 1.0);
    assert_eq!(world.import(world.path("cut")).await.report.problems, 0);
    write("new", 0.9);
    let told = world.import(world.path("cut")).await;
    assert_eq!(told.problems.len(), 1);
    let problem = told.problems[0].to_string();
    assert!(problem.contains("records.jsonl.zst"), "{problem}");
    assert!(problem.contains("incomplete"), "{problem}");
    let by_version = "select config_version, left(min(content), 3), left(max(content), 3), \
                      count(*) > 0 from zones z join records r on r.zone_id = z.id \
                      group by 1 order by 1";
    assert_eq!(world.rows(by_version).await, ["1 old old t", "2 new new t"]);
    assert_eq!(world.number("select count(*) from records").await, 4_000);
    assert_eq!(world.number("select count(*) from zones where not records_complete").await, 0);
}

#[tokio::test]
async fn zones_without_a_file_of_records_keep_theirs() {
    let world = World::new().await;
    let paths = vec![
        world.write("s/accounts.jsonl", ACCOUNT),
        world.write("s/zones.jsonl", [zone("x"), zone("y")].join("\n")),
    ];
    let options = Options { paths, source: Some("s".into()), ..Options::default() };
    world.try_import(&options).await.expect("an import");
    assert_eq!(world.zones().await, ["x 1 partial: -", "y 1 partial: -"]);
    world.write("s/records.jsonl", record("x", "1"));
    world.import(world.path("s")).await;
    assert_eq!(world.zones().await, ["x 2 complete: 1", "y 2 complete: -"]);
    let told = world.try_import(&options).await.expect("an import");
    assert_eq!(told.report.written.changed, 0);
    assert_eq!(world.zones().await, ["x 2 complete: 1", "y 2 complete: -"]);
}

#[tokio::test]
async fn an_empty_file_of_records_empties_no_zone() {
    let world = World::new().await;
    world.write("s/accounts.jsonl", ACCOUNT);
    world.write("s/zones.jsonl", [zone("x"), zone("y")].join("\n"));
    world.write("s/records.jsonl", record("x", "1"));
    assert_eq!(world.import(world.path("s")).await.report.problems, 0);
    for nothing in ["", "\n\n"] {
        world.write("s/records.jsonl", nothing);
        let told = world.import(world.path("s")).await;
        assert_eq!(told.lines(), ["0: the file is empty, but zones are listed"]);
        assert_eq!(world.zones().await, ["x 1 complete: 1", "y 1 complete: -"]);
    }
}

#[tokio::test]
async fn a_file_that_is_no_inventory_is_told_of_and_not_stored() {
    let world = World::new().await;
    let text = "# Fleet\n\nRun it like this:\n\n    scanflow import README.md\n";
    let readme = scanflow_testing::workspace().join("README.md");
    let readme = std::fs::read_to_string(readme).expect("a file");
    for (name, text) in
        [("README.md", &*readme), ("fleet.md", text), ("empty.txt", ""), ("db.a.test", text)]
    {
        let file = world.write(name, text);
        let told = world.import(file).await;
        assert!(told.problems.len() == 1 || name == "db.a.test", "{name}: {:?}", told.lines());
        let told = told.lines().concat();
        assert!(told.contains("nothing says which zone this is"), "{name}: {told}");
    }
    for table in ["sources", "accounts", "zones"] {
        assert_eq!(world.number(&format!("select count(*) from {table}")).await, 0);
    }
}

#[tokio::test]
async fn what_cannot_be_imported_at_all_is_an_error() {
    let world = World::new().await;
    let import = |paths| async { world.try_import(&Options { paths, ..Options::default() }).await };
    let error = import(vec![world.path("none")]).await.expect_err("no such file");
    assert!(matches!(error, ImportError::Walk(WalkError::Unreadable { .. })), "{error}");
    world.write("folder/README.md", "x");
    world.write("folder/changes.jsonl", r#"{"ts":1,"op":"A"}"#);
    let error = import(vec![world.path("folder")]).await.expect_err("no inventory");
    assert!(matches!(error, ImportError::Walk(WalkError::Nothing { .. })), "{error}");
    assert_eq!(world.number("select count(*) from sources").await, 0);
}

/// Random damage to a file: never a panic, never half a set, and what was stored is old or new.
#[tokio::test]
async fn a_damaged_file_never_yields_half_a_set() {
    use proptest::test_runner::{Config, TestRunner};
    let world = World::new().await;
    let lines = |content: &str| {
        let zones = (0..12).map(|n| zone(&format!("z{n:02}")));
        let records = (0..12).flat_map(|n| {
            (0..3).map(move |m| record(&format!("z{n:02}"), &format!("{content}{m}")))
        });
        let lines = [ACCOUNT.to_owned()].into_iter().chain(zones).chain(records);
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    };
    let mut contents = ["a", "b"].into_iter().cycle();
    let damages = proptest::collection::vec((0.0f64..1.0, 0u8..=255), 1..4);
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..40 {
        use proptest::strategy::{Strategy, ValueTree};
        let damages = damages.new_tree(&mut runner).expect("a value").current();
        let mut bytes = lines(contents.next().expect("a cycle"));
        for (at, byte) in &damages {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = *byte;
        }
        let file = world.write("fleet.jsonl", &bytes);
        world.import(file).await;
        let sets = "select string_agg(distinct left(content, 1), ''), count(*) from records \
                    where content ~ '^[ab][012]$' group by zone_id \
                    having count(distinct left(content, 1)) > 1";
        assert_eq!(world.rows(sets).await, Vec::<String>::new(), "{damages:?}");
        let counts = "select external_id from zones z where record_count <> \
                      (select count(*) from records r where r.zone_id = z.id)";
        assert_eq!(world.rows(counts).await, Vec::<String>::new(), "{damages:?}");
    }
}

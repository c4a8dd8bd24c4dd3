//! `docs/backup.md` against the schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[tokio::test]
async fn the_page_on_backups_names_every_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/backup.md");
    let page = fs::read_to_string(page).expect("the page");
    let mut named = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [tables, class, _why] = cells[..] else { panic!("not three cells: {row}") };
        let classes = ["irreplaceable", "rebuilt by import", "rebuilt by scanning", "transient"];
        assert!(classes.contains(&class), "{row}");
        for table in tables.split('`').skip(1).step_by(2) {
            assert!(named.insert(table.to_owned()), "{table} is there twice");
        }
    }

    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    let sql = "select relname::text from pg_class
                where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
                  and not relispartition";
    let rows = client.query(sql, &[]).await.expect("tables");
    let tables: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(tables.contains("insight_events"), "{tables:?}");
    assert_eq!(named, tables);
}

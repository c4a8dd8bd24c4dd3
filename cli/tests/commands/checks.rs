//! `scanflow checks`.

use scanflow::checks;

use crate::process::{run, scanflow};

#[test]
fn every_check_is_listed_and_can_be_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = run(scanflow(folder.path(), &["checks", "list"]));
    let lines = run(scanflow(folder.path(), &["checks", "list", "--output", "json"])).json_lines();
    assert_eq!(table.exit, 0, "{}", table.stderr);
    assert_eq!(
        (table.stdout.lines().count(), lines.len()),
        (checks::ALL.len() + 1, checks::ALL.len())
    );
    for (check, line) in checks::ALL.iter().zip(&lines) {
        let about = check.about();
        let id = about.id.as_str();
        assert!(table.stdout.contains(id) && table.stdout.contains(about.title), "{id}");
        assert_eq!((line["id"].as_str(), line["v"].as_u64()), (Some(id), Some(1)));
        assert_eq!(line["severity"], about.severity.name());

        let shown = run(scanflow(folder.path(), &["checks", "show", id]));
        for part in [id, about.title, about.remediation, about.reference] {
            assert!(shown.stdout.contains(part), "{id}: {part}");
        }
        let shown = run(scanflow(folder.path(), &["checks", "show", id, "--output", "json"]));
        assert_eq!(shown.json_lines(), std::slice::from_ref(line));
    }
    let unknown = run(scanflow(folder.path(), &["checks", "show", "nothing.at_all"]));
    assert_eq!(unknown.exit, 2);
    assert!(unknown.stderr.contains("scanflow checks list"), "{}", unknown.stderr);
}

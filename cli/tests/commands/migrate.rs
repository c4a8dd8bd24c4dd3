//! `scanflow migrate`, and what the others say of a schema that does not fit.

use scanflow::store::postgres::migrate::{ALL, NEWEST};

use crate::process::{Place, run};

#[tokio::test]
async fn a_schema_is_made_once_and_nothing_else_runs_without_it() {
    let place = Place::of(scanflow_testing::empty_database().await);
    for arguments in [&["insights"][..], &["status"], &["validate"], &["run", "--once"]] {
        let ran = place.run(arguments);
        assert_eq!(ran.exit, 69, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("run `scanflow migrate`"), "{}", ran.stderr);
    }
    let ran = place.run(&["migrate", "--dry-run"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout.matches("not yet").count(), ALL.len(), "{}", ran.stdout);

    let ran = place.run(&["migrate"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout.matches("applied V").count(), ALL.len(), "a dry run applied some");
    let ran = place.run(&["migrate"]);
    assert_eq!((ran.exit, ran.stdout), (0, format!("the schema has version {NEWEST}\n")));
    assert_eq!(place.run(&["insights"]).exit, 0);
    assert!(!place.run(&["migrate", "--dry-run"]).stdout.contains("not yet"));
}

#[tokio::test]
async fn a_schema_of_another_version_is_refused_with_what_to_do() {
    let place = Place::filled("insert into schema_migrations values (9999, 'later', '')").await;
    for arguments in [&["insights"][..], &["validate"], &["run", "--once"], &["migrate"]] {
        let ran = place.run(arguments);
        assert_eq!(ran.exit, 69, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("upgrade scanflow"), "{}", ran.stderr);
    }
    place.change(&format!("delete from schema_migrations where {NEWEST} <= version")).await;
    let ran = place.run(&["run", "--once"]);
    assert_eq!(ran.exit, 69, "{}", ran.stderr);
    assert!(ran.stderr.contains("run `scanflow migrate`"), "{}", ran.stderr);
}

#[tokio::test]
async fn printed_grants_are_what_the_other_commands_need() {
    let place = Place::filled("").await;
    // A role belongs to the whole server, so its name is that of the database.
    let name = place.test.url.rsplit("dbname=").next().expect("a name").trim();
    let role = format!("runtime_{name}");
    let ran = place.run(&["migrate", "--print-grants", &role]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let bare = place.run(&["migrate", "--print-grants"]);
    let of_default = ran.stdout.replace(&role, "scanflow");
    assert_eq!((bare.exit, bare.stdout), (0, of_default));
    place.change(&format!("create role {role} login")).await;
    let as_role = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("SCANFLOW_DATABASE__URL", format!("{} user={role}", place.test.url));
        run(command)
    };
    assert_ne!(as_role(&["insights"]).exit, 0, "the role needs no grants");
    place.change(&ran.stdout).await;
    for arguments in
        [&["insights"][..], &["status"], &["export"], &["validate"], &["run", "--once"]]
    {
        let ran = as_role(arguments);
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(as_role(&["migrate", "--dry-run"]).exit, 0);
    place.change(&format!("drop owned by {role}; drop role {role}")).await;
}

//! `scanflow insights`: forms, filters, exit codes.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::process::Place;

/// Two sources share names: `twin.test` is a zone of both.
pub(crate) const FLEET: &str = r#"
insert into sources (name) values ('alpha'), ('beta');
insert into accounts (source_id, external_id, name, plan, content_hash) values
    (1, 'acc-1', 'First', 'free', gen_random_uuid()),
    (1, 'acc-2', 'Second', 'pro', gen_random_uuid()),
    (2, 'acc-9', 'Ninth', 'free', gen_random_uuid());
insert into zones (source_id, external_id, account_id, name, records_complete, content_hash)
select s, z, (select id from accounts where external_id = a), n, true, gen_random_uuid()
  from (values (1, 'z-1', 'acc-1', 'one.test'), (1, 'z-2', 'acc-2', 'twin.test'),
               (2, 'z-9', 'acc-9', 'twin.test')) v(s, z, a, n);
insert into checks (name) values
    ('spf.missing'), ('dns.cname_coexists'), ('account.mfa_not_enforced'), ('old.retired');
insert into insights (asset_id, check_id, subject, severity, evidence, first_seen, changed_at,
                      resolved_at, resolution)
select coalesce((select id from zones where external_id = asset),
                (select id from accounts where external_id = asset)),
       (select id from checks where name = check_name), subject, severity, evidence::jsonb,
       '2026-01-02 03:04:05.678+00', '2026-01-03 00:00:00+00', resolved::timestamptz,
       case when resolved is not null then 'fixed' end
  from (values
    ('z-1', 'spf.missing', 'one.test', 3, '{"mx": ["mail.one.test"], "a": 1.5}', null),
    ('z-1', 'dns.cname_coexists', 'www.one.test', 2, '{}', '2026-01-04 00:00:00+00'),
    ('z-2', 'spf.missing', 'twin.test', 3, '{}', null),
    ('z-2', 'spf.missing', E'=HYPERLINK("x"),\n', 3, '{}', null),
    ('z-2', 'dns.cname_coexists', E'@\x1b[31mred', 1, '{}', null),
    ('z-9', 'spf.missing', '-9.twin.test', 3, '{}', null),
    ('z-9', 'old.retired', 'twin.test', 0, '{}', null),
    ('acc-2', 'account.mfa_not_enforced', 'acc-2', 4, '{"members": 3}', null)
  ) v(asset, check_name, subject, severity, evidence, resolved);
"#;

fn subjects(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["subject"].as_str().expect("a subject")).collect()
}

fn schema() -> jsonschema::Validator {
    let schema = scanflow_testing::workspace().join("schemas/insight.v1.schema.json");
    let schema = std::fs::read_to_string(schema).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a schema of JSON Schema 2020-12");
    jsonschema::validator_for(&schema).expect("a valid schema")
}

pub(crate) fn assert_fits_schema(line: &Value) {
    let schema = schema();
    let errors: Vec<String> = schema.iter_errors(line).map(|err| err.to_string()).collect();
    assert!(errors.is_empty(), "{line}: {errors:?}");
}

#[tokio::test]
async fn a_json_line_has_exactly_these_keys_and_fits_the_schema() {
    let place = Place::filled(FLEET).await;
    let ran = place.run(&["insights", "--output", "json", "--state", "all"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 8);

    lines.iter().for_each(assert_fits_schema);
    let schema = schema();
    for (key, value) in [("state", "resolved"), ("severity", "awful"), ("first_seen", "today")] {
        let mut broken = lines[0].clone();
        broken[key] = value.into();
        assert!(!schema.is_valid(&broken), "the schema takes {broken}");
    }

    let first = ran.stdout.lines().find(|line| line.contains("mail.one.test")).expect("a line");
    let (id, rest) = first.split_once(r#","check""#).expect("an id first");
    assert!(id.starts_with(r#"{"v":1,"id":"#), "{id}");
    let expected = concat!(
        r#":"spf.missing","severity":"high","asset":{"kind":"zone","id":"z-1","name":"one.test"},"#,
        r#""account":"acc-1","subject":"one.test","state":"open","#,
        r#""first_seen":"2026-01-02T03:04:05.678000Z","changed_at":"2026-01-03T00:00:00.000000Z","#,
        r#""resolved_at":null,"evidence":{"a":1.5,"mx":["mail.one.test"]},"remediation":"#,
    );
    assert!(rest.starts_with(expected), "{rest}");
    let of_account = &lines[0];
    assert_eq!(of_account["asset"]["kind"], "account", "critical comes first");
    assert_eq!(of_account["account"], "acc-2");
    let retired = lines.iter().find(|line| line["check"] == "old.retired").expect("kept");
    assert_eq!(retired["remediation"], Value::Null);
}

#[tokio::test]
async fn filters_choose_and_the_order_is_stable() {
    let place = Place::filled(FLEET).await;
    let all = [
        "acc-2",
        "one.test",
        "-9.twin.test",
        "=HYPERLINK(\"x\"),\n",
        "twin.test",
        "@\u{1b}[31mred",
        "twin.test",
    ];
    for (arguments, expected) in [
        (&[][..], &all[..]),
        (
            &["--account", "acc-2"],
            &["acc-2", "=HYPERLINK(\"x\"),\n", "twin.test", "@\u{1b}[31mred"],
        ),
        (&["--account", "First"], &["one.test"]),
        (&["--account", "First", "--account", "acc-9"], &["one.test", "-9.twin.test", "twin.test"]),
        (&["--zone", "z-9"], &["-9.twin.test", "twin.test"]),
        (&["--zone", "ONE.test."], &["one.test"]),
        (&["--zone", "one.test", "--account", "acc-2"], &[]),
        (&["--check", "spf.missing", "--zone", "z-2"], &["=HYPERLINK(\"x\"),\n", "twin.test"]),
        (&["--severity", "critical"], &["acc-2"]),
        (&["--severity", "low", "--zone", "z-9"], &["-9.twin.test"]),
        (&["--state", "resolved"], &["www.one.test"]),
        (&["--zone", "z-1", "--state", "all"], &["one.test", "www.one.test"]),
        (&["--limit", "2"], &all[..2]),
    ] {
        let arguments = [&["insights", "--output", "json"], arguments].concat();
        let ran = place.run(&arguments);
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
        assert_eq!(subjects(&ran.json_lines()), expected, "{arguments:?}");
        assert_eq!(place.run(&arguments).stdout, ran.stdout, "{arguments:?}");
    }
}

#[tokio::test]
async fn an_ambiguous_name_is_said_and_an_unknown_one_refused() {
    let place = Place::filled(FLEET).await;
    // An id of one source hides no zone of that name in another.
    let ran = place.run(&["insights", "--output", "json", "--zone", "TWIN.test."]);
    assert_eq!(ran.json_lines().len(), 5, "{}", ran.stderr);
    place.change("update zones set external_id = name where external_id = 'z-9'").await;
    let ran = place.run(&["insights", "--output", "json", "--zone", "twin.test"]);
    assert_eq!((ran.exit, ran.json_lines().len()), (0, 5));
    assert!(ran.stderr.contains("`twin.test` is ambiguous: 2 zones"), "{}", ran.stderr);
    place.change("update zones set external_id = 'z-9' where external_id = name").await;

    let ran = place.run(&["insights", "--output", "json", "--zone", "twin.test"]);
    assert_eq!((ran.exit, ran.json_lines().len()), (0, 5));
    assert!(ran.stderr.contains("`twin.test` is ambiguous: 2 zones"), "{}", ran.stderr);
    for part in [
        "z-2 (twin.test, account acc-2, source alpha)",
        "z-9 (twin.test, account acc-9, source beta)",
    ] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }

    for (arguments, expected) in [
        (["--zone", "three.test"], "no zone has the id or name `three.test`"),
        (["--account", "nobody"], "no account has the id or name `nobody`"),
        (["--check", "spf.mising"], "no check has the id `spf.mising`: there is spf.missing"),
    ] {
        let ran = place.run(&[&["insights"][..], &arguments].concat());
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn csv_is_safe_to_open() {
    let place = Place::filled(FLEET).await;
    let ran = place.run(&["insights", "--output", "csv", "--state", "all"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    assert_eq!(reader.headers().expect("a header").iter().next(), Some("id"));
    let records: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a record")).collect();
    assert_eq!(records.len(), 8);
    let fields: Vec<&str> = records.iter().flat_map(|record| record.iter()).collect();
    assert!(fields.contains(&"'=HYPERLINK(\"x\"),\n") && fields.contains(&"'-9.twin.test"));
    assert!(fields.contains(&r#"{"a":1.5,"mx":["mail.one.test"]}"#));
    let begins = |field: &&&str| field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    assert_eq!(fields.iter().find(begins), None);
}

#[tokio::test]
async fn a_table_for_people_steers_no_terminal_and_says_what_it_leaves_out() {
    let place = Place::filled(FLEET).await;
    let ran = place.run(&["insights"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let mut lines = ran.stdout.lines();
    let header: Vec<&str> = lines.next().expect("a header").split_whitespace().collect();
    assert_eq!(header, ["SEVERITY", "CHECK", "ASSET", "ACCOUNT", "SUBJECT", "SINCE"]);
    let first: Vec<&str> = lines.next().expect("a row").split_whitespace().collect();
    let expected = [
        "critical",
        "account.mfa_not_enforced",
        "Second",
        "acc-2",
        "acc-2",
        "2026-01-02T03:04:05Z",
    ];
    assert_eq!(first, expected);
    assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("@\\u{1b}[31mred"));
    assert_eq!(ran.stderr, "7 open (1 critical, 4 high, 1 low, 1 info)\n");

    let colored = place.run(&["insights", "--color", "always"]);
    assert!(colored.stdout.contains("\u{1b}["), "colours were asked for");

    let ran = place.run(&["insights", "--limit", "1", "--state", "all"]);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(ran.stderr.contains("1 resolved; 7 not shown"), "{}", ran.stderr);

    let quiet = place.run(&["insights", "--quiet"]);
    assert_eq!(quiet.stderr, "");
}

#[tokio::test]
async fn fail_on_ends_with_three_if_something_open_is_at_least_so_bad() {
    let place = Place::filled(FLEET).await;
    for (arguments, exit) in [
        (&["--fail-on", "critical"][..], 3),
        (&["--fail-on", "info"], 3),
        (&["--fail-on", "critical", "--zone", "twin.test"], 0),
        (&["--fail-on", "high", "--zone", "twin.test", "--limit", "0"], 3),
        (&["--fail-on", "info", "--state", "resolved"], 0),
    ] {
        let ran = place.run(&[&["insights"], arguments].concat());
        assert_eq!(ran.exit, exit, "{arguments:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::filled(FLEET).await;
    let many = "insert into insights (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
                select z.id, 1, 'host' || n, 3, '{}', now(), now()
                  from zones z, generate_series(1, 20000) n where z.external_id = 'z-1'";
    place.change(many).await;
    for (arguments, exit) in
        [(&["--output", "json"][..], 0), (&["--output", "csv", "--fail-on", "low"], 3)]
    {
        let mut command = place.command(&[&["insights"], arguments].concat());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let mut stdout = BufReader::with_capacity(16, child.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("a line");
        drop(stdout);
        let mut stderr = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
        assert_eq!(child.wait().expect("it ends").code(), Some(exit), "{stderr}");
        assert!(!stderr.contains("error") && !stderr.contains("panic"), "{stderr}");
    }
}

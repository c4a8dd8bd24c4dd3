//! The section `[checks]`: what scans do when checks are switched off and on, and when severities are
//! set; and that reviews outlive all of it.

use crate::process::Place;

/// Two mail domains without SPF and without a restriction of issuers, in accounts of two plans.
const FLEET: &str = r#"{"kind":"account","v":1,"id":"moj:a","name":"A","plan":"free"}
{"kind":"account","v":1,"id":"b","name":"B","plan":"pro"}
{"kind":"zone","v":1,"id":"x","account_id":"moj:a","name":"x.test"}
{"kind":"zone","v":1,"id":"y","account_id":"b","name":"y.test"}
{"kind":"record","v":1,"zone_id":"x","name":"x.test","type":"MX","content":"mail.x.test","priority":1}
{"kind":"record","v":1,"zone_id":"y","name":"y.test","type":"MX","content":"mail.y.test","priority":1}
"#;

impl Place {
    async fn with_fleet() -> Place {
        let place = Place::of(scanflow_testing::database().await);
        std::fs::create_dir(place.folder.path().join("fleet")).expect("a folder");
        std::fs::write(place.folder.path().join("fleet/all.jsonl"), FLEET).expect("a file");
        place.succeeds(&["import", "fleet"]);
        place
    }

    /// Scans everything once under these settings.
    fn scan(&self, settings: &str) {
        std::fs::write(self.folder.path().join("scanflow.toml"), settings).expect("a file");
        self.succeeds(&["run", "--once"]);
    }

    fn succeeds(&self, arguments: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    }

    /// What happened to SPF, run by run: zone, change, severity, reason.
    async fn history(&self) -> Vec<String> {
        let client = self.test.database.client().await.expect("a connection");
        let sql = "select concat_ws(' ', e.subject, e.change, e.severity, e.reason)
                     from insight_events e join checks c on c.id = e.check_id
                    where c.name = 'spf.missing' order by e.sequence >> 40, e.subject";
        client.query(sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
    }
}

#[tokio::test]
async fn a_disabled_check_resolves_for_that_reason_and_reopens_with_its_review() {
    let place = Place::with_fleet().await;
    place.scan("");
    place.succeeds(&["baseline", "--note", "day one"]);
    place.scan("[checks]\ndisable = [\"spf.missing\"]");
    place.scan("[checks]\ndisable = [\"spf.missing\"]");
    place.scan("");
    let expected = [
        "x.test 1 3",
        "y.test 1 3",
        "x.test 3 3 check_disabled",
        "y.test 3 3 check_disabled",
        "x.test 4 3",
        "y.test 4 3",
    ];
    assert_eq!(place.history().await, expected, "the second scan without it writes nothing");
    let listed = place.run(&["insights", "--check", "spf.missing", "--output", "json"]);
    assert_eq!(listed.stdout, "", "it is still baseline: {}", listed.stderr);
    let any =
        place.run(&["insights", "--check", "spf.missing", "--review", "any", "--output", "json"]);
    let notes = any.json_lines().into_iter().map(|line| line["review"]["note"].clone());
    assert_eq!(notes.collect::<Vec<_>>(), ["day one", "day one"]);
    let client = place.test.database.client().await.expect("a connection");
    let audit = client.query_one("select count(distinct at) from insight_review_events", &[]).await;
    assert_eq!(audit.expect("a count").get::<_, i64>(0), 1, "scans have said nothing");
}

#[tokio::test]
async fn exceptions_hold_for_a_plan_or_an_account_and_a_severity_is_a_change() {
    let place = Place::with_fleet().await;
    place.scan("[checks]\nseverity = { \"spf.missing\" = \"medium\" }");
    place.scan(
        "[checks]\nseverity = { \"spf.missing\" = \"medium\" }\n\
         [[checks.for]]\naccount = \"moj:*\"\nseverity = { \"spf.missing\" = \"info\" }\n\
         [[checks.for]]\nplan = \"pro\"\ndisable = [\"spf.missing\"]",
    );
    place.scan("[[checks.for]]\nplan = \"pro\"\naccount = \"moj:*\"\ndisable = [\"spf.missing\"]");
    let expected = [
        "x.test 1 2",
        "y.test 1 2",
        "x.test 2 0",
        "y.test 3 2 check_disabled",
        "x.test 2 3",
        "y.test 4 3",
    ];
    assert_eq!(place.history().await, expected);
}

#[tokio::test]
async fn a_check_that_there_is_not_ends_with_78() {
    let place = Place::filled("").await;
    let wrong = "[checks]\ndisable = [\"spf.mising\"]";
    std::fs::write(place.folder.path().join("scanflow.toml"), wrong).expect("a file");
    let ran = place.run(&["validate"]);
    assert_eq!(ran.exit, 78);
    let expected =
        "scanflow.toml:2: checks.disable: no check has the id `spf.mising`: there is spf.missing";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

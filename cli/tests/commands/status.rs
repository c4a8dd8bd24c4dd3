//! `scanflow status`.

use serde_json::{Value, json};

use crate::process::{Place, run};

/// Plans `free` (a zone falls back to its account's), `pro` and one without a cadence.
const FLEET: &str = "
insert into sources (name) values ('alpha');
insert into accounts (source_id, external_id, name, plan, content_hash) values
    (1, 'a', 'A', 'free', gen_random_uuid()), (1, 'b', 'B', 'unheard', gen_random_uuid());
insert into zones (source_id, external_id, account_id, name, plan, records_complete, record_count,
                   content_hash, removed_at)
select 1, z, (select id from accounts where external_id = 'a'), z || '.test', plan, true, n,
       gen_random_uuid(), removed
  from (values ('z1', null, 3, null), ('z2', 'pro', 1996, null), ('z3', 'pro', 1997, null),
               ('gone', 'pro', 1, now())) v(z, plan, n, removed);
insert into scan_state (asset_id, last_scheduled_at, last_completed_at)
select z.id, now() - age::interval, now() - age::interval + interval '1 second'
  from (values ('z1', '6 days'), ('z2', '4 days'), ('z3', '1 hour'), ('gone', '99 days')) v(z, age)
  join zones z on z.external_id = v.z;
insert into scan_state (asset_id) select id from accounts;
insert into checks (name) values ('spf.missing');
insert into insights (asset_id, check_id, subject, severity, evidence, first_seen, changed_at, resolved_at)
select id, 1, s, v, '{}', now(), now(), case when s = 'r' then now() end
  from zones, (values ('x', 3), ('y', 3), ('z', 1), ('r', 4)) i(s, v) where external_id = 'z1';
insert into leases values ('scheduler', 'host-1', 7, now() + interval '1 hour');
";

#[tokio::test]
async fn freshness_rates_and_lanes_are_counted() {
    let place = Place::filled(FLEET).await;
    let ran = place.run(&["status", "--output", "json"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let [status] = &ran.json_lines()[..] else { panic!("one object: {}", ran.stdout) };

    let plan = |name: &str| {
        let plans = status["plans"].as_array().expect("plans");
        plans.iter().find(|plan| plan["plan"] == name).expect(name).clone()
    };
    let counts = |plan: &Value| {
        ["assets", "scanned", "overdue"].map(|key| plan[key].as_i64().expect("a count"))
    };
    assert_eq!(counts(&plan("free")), [2, 1, 0], "an account and a zone");
    assert_eq!(counts(&plan("pro")), [2, 2, 1], "a removed zone does not count");
    assert_eq!(counts(&plan("unheard")), [1, 0, 0]);
    assert_eq!(plan("unheard")["cadence_seconds"], json!(7.0 * 86_400.0), "that of free");
    assert_eq!(plan("unheard")["oldest_age_seconds"], Value::Null);
    let oldest = plan("pro")["oldest_age_seconds"].as_f64().expect("an age");
    assert!((oldest - 4.0 * 86_400.0).abs() < 600.0, "{oldest}");

    let lanes = &status["lanes"];
    assert_eq!((&lanes["fast"], &lanes["slow"]), (&json!(4), &json!(1)));
    assert_eq!(lanes["threshold_ms"], 10.0);
    let pro: f64 = 10_000.0 / 3.0 + 10_005.0 / 3.0;
    let free: f64 = (20.0 + 20.0 + 35.0) / 7.0;
    let share = lanes["slow_work_share"].as_f64().expect("a share");
    assert!((share - 10_005.0 / 3.0 / (pro + free)).abs() < 1e-6, "{share}");
    let open = json!({ "info": 0, "low": 1, "medium": 0, "high": 2, "critical": 0 });
    assert_eq!(status["insights_open"], open);
    let nominal = status["rates"]["nominal_per_second"].as_f64().expect("a rate");
    let expected = (3.0 / 7.0 + 2.0 / 3.0) / 86_400.0;
    assert!((nominal - expected).abs() < 1e-9, "{nominal}");
    assert_eq!(status["rates"]["target_per_second"], 1.2, "at least one a second, with the buffer");
    assert_eq!(status["leases"][0]["holder"], "host-1");
    assert_eq!(status["leases"][0]["live"], true);
}

#[tokio::test]
async fn cadences_and_rates_come_from_the_settings() {
    let place = Place::filled(FLEET).await;
    let mut command = place.command(&["status", "--output", "json"]);
    command.env("SCANFLOW_CADENCE__FREE", "5d").env("SCANFLOW_SCHEDULE__RATE", "max");
    let ran = run(command);
    let status = &ran.json_lines()[0];
    let free = &status["plans"][0];
    assert_eq!((free["plan"].as_str(), free["overdue"].as_i64()), (Some("free"), Some(1)));
    assert_eq!(status["rates"]["target_per_second"], Value::Null);
}

#[tokio::test]
async fn a_table_for_people() {
    let place = Place::filled(FLEET).await;
    let ran = place.run(&["status"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    for part in [
        "PLAN",
        "7days",
        "3days",
        "open insights   0 critical, 2 high, 0 medium, 1 low, 0 info",
        "4 fast, 1 slow, as predicted: slow above 10 ms, 50 % of the work",
        "1.20 aimed at",
        "scheduler: host-1, until",
    ] {
        assert!(ran.stdout.contains(part), "{part} is missing in:\n{}", ran.stdout);
    }
    let empty = Place::filled("").await.run(&["status"]);
    assert_eq!(empty.exit, 0, "{}", empty.stderr);
    assert!(empty.stdout.contains("nobody leads"), "{}", empty.stdout);
    assert!(empty.stdout.contains(" 0.00 needed"), "{}", empty.stdout);
}

#[tokio::test]
async fn auto_parts_the_lanes_by_what_scans_cost() {
    // 40, 30 and 20 ms; the second is most of the work, since it is scanned more often than the first.
    let costs = "update scan_state set cost = v.cost, is_slow = false
        from (values ('z1', 15656), ('z2', 15231), ('z3', 14632)) v(z, cost)
        join zones z on z.external_id = v.z where asset_id = z.id";
    let place = Place::filled(&format!("{FLEET}{costs}")).await;
    let ask = |command: &[&str], share: &str| {
        let mut command = place.command(&[command, &["--output", "json"]].concat());
        command.env("SCANFLOW_LANES__SLOW_PREDICTED_MS_MIN", "auto");
        command.env("SCANFLOW_LANES__SLOW_SHARE", share);
        let ran = run(command);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        ran.json_lines()[0]["lanes"].clone()
    };
    for (share, slow, threshold_ms) in [("0.5", 1, 30.0..33.0), ("0.8", 2, 20.0..22.0)] {
        let (status, preview) = (ask(&["status"], share), ask(&["schedule", "preview"], share));
        assert_eq!((&status["fast"], &status["slow"]), (&json!(5 - slow), &json!(slow)));
        assert_eq!(preview["slow"]["assets"], slow);
        let number = |of: &Value| of.as_f64().expect("a number");
        for lanes in [&status, &preview] {
            let threshold = number(&lanes["threshold_ms"]);
            assert!(threshold_ms.contains(&threshold), "{lanes}");
        }
        let work = number(&status["slow_work_share"]);
        assert!((work - number(&preview["slow"]["work_share"])).abs() < 0.01, "{status} {preview}");
    }
}

//! Precedence, and errors that name place and key.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::config::{DatabaseConfig, LogFormat, Secret};
use crate::schedule::Rate;

const FILE: &str = "conf/scanflow.toml";

fn read(
    text: &str,
    variables: &[(&str, &str)],
    flags: &[(&'static str, &'static str, &str)],
) -> Result<Config, String> {
    let own = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
    let flag = |&(name, key, value): &(&'static str, &'static str, &str)| Flag {
        name,
        key,
        value: value.to_owned(),
    };
    let sources = Sources {
        file: Some((Path::new(FILE), text)),
        environment: variables.iter().map(own).collect(),
        flags: flags.iter().map(flag).collect(),
    };
    sources.read().map_err(|err| err.to_string())
}

#[test]
fn later_sources_win_key_by_key() {
    let text = "[run]\nworkers = 3\nepoch = \"20ms\"\n[lanes.slow]\ncredits = 7\n[cadence]\nfree = \"30d\"\ngold = \"1h\"";
    let variables = [
        ("SCANFLOW_RUN__WORKERS", "4"),
        ("SCANFLOW_LANES__SLOW__LOAD_ASSETS_MAX", "2"),
        ("SCANFLOW_LANES__FAST__GROUP_COMMIT_AGE_MAX", "off"),
        ("SCANFLOW_CADENCE__FREE", "14d"),
        ("SCANFLOW_LOG__FORMAT", "json"),
        ("SCANFLOW_TEST_URL", "not ours"),
        ("SCANFLOW_PORT_9642_TCP", "tcp://10.0.0.1:9642"),
        ("HOME", "/"),
    ];
    let config = read(
        text,
        &variables,
        &[("--rate", "schedule.rate", "2.5"), ("--workers", "run.workers", "5")],
    );
    let config = config.expect("valid");
    assert_eq!(config.run.workers, 5, "flag over variable over file");
    assert_eq!(config.run.epoch, Duration::from_millis(20));
    assert_eq!(config.schedule.rate, Rate::PerSecond(2.5));
    assert_eq!(config.log.format, LogFormat::Json);
    let cadences = config.cadences();
    let days = |plan| cadences.of(plan).as_secs_f64() / 86_400.0;
    assert_eq!([days("free"), days("gold"), days("enterprise")], [14.0, 1.0 / 24.0, 1.0]);
    let (fast, slow) = (config.lanes.fast, config.lanes.slow);
    assert_eq!(fast.group_commit_age_max, None);
    assert_eq!((slow.credits, slow.load_assets_max, slow.write_outcomes_max), (7, 2, 64));
}

#[test]
fn nothing_said_is_the_defaults() {
    assert_eq!(read("", &[], &[]), Ok(Config::default()));
}

#[test]
fn a_url_replaces_a_file_with_one_and_the_other_way_round() {
    let of = |config: Result<Config, String>| {
        let DatabaseConfig { url, url_file, .. } = config.expect("valid").database;
        (url.map(|url| Secret::reveal(&url).to_owned()), url_file)
    };
    let file = "[database]\nurl_file = \"/run/url\"";
    let variable = [("SCANFLOW_DATABASE__URL", "host=b")];
    assert_eq!(of(read(file, &variable, &[])), (Some("host=b".into()), None));
    let file = "[database]\nurl = \"host=a\"";
    let variable = [("SCANFLOW_DATABASE__URL_FILE", "12")];
    assert_eq!(of(read(file, &variable, &[])), (None, Some("12".into())));
    let both = read("[database]\nurl = \"host=a\"\nurl_file = \"b\"", &[], &[]);
    assert!(both.expect_err("both").contains("database.url: excludes"));
}

#[test]
fn errors_name_file_line_and_key() {
    for (text, expected) in [
        ("[run]\nworkers = 0", "conf/scanflow.toml:2: run.workers: must be at least 1"),
        ("[run]\n\nworker = 2", "conf/scanflow.toml:3: run.worker: unknown key `worker`"),
        ("[runs]", "conf/scanflow.toml:1: runs: unknown key `runs`"),
        (
            "run.workers = \"two\"",
            "conf/scanflow.toml:1: run.workers: invalid type: a text, expected a whole number",
        ),
        ("[run]\nworkers = -1", "conf/scanflow.toml:2: run.workers: "),
        ("[schedule]\nrate = 0", "conf/scanflow.toml:2: schedule.rate: must be more than 0"),
        ("[schedule]\nrate = -3", "conf/scanflow.toml:2: schedule.rate: must be more than 0"),
        ("[schedule]\nrate = nan", "conf/scanflow.toml:2: schedule.rate: must be more than 0"),
        (
            "[schedule]\nrate = \"fast\"",
            "conf/scanflow.toml:2: schedule.rate: is \"auto\", \"max\" or",
        ),
        ("[schedule]\nbuffer = 0.9", "conf/scanflow.toml:2: schedule.buffer: must be at least 1"),
        (
            "[schedule]\nlease_ttl = \"1ms\"",
            "conf/scanflow.toml:2: schedule.lease_ttl: must be between 1s and 5m",
        ),
        (
            "[schedule]\nlead_rtt_max = \"0s\"",
            "conf/scanflow.toml:2: schedule.lead_rtt_max: must be longer than zero",
        ),
        ("[cadence]\npro = \"0s\"", "conf/scanflow.toml:2: cadence.pro: must be longer than zero"),
        ("[cadence]\npro = \"often\"", "conf/scanflow.toml:2: cadence.pro: invalid value: a text"),
        (
            "[lanes.slow]\n\ncredits = 0",
            "conf/scanflow.toml:3: lanes.slow.credits: must be at least 1",
        ),
        (
            "[lanes]\nslow_share = 1",
            "conf/scanflow.toml:2: lanes.slow_share: must be more than 0 and less than 1",
        ),
        (
            "[lanes]\nslow_predicted_ms_min = \"10ms\"",
            "conf/scanflow.toml:2: lanes.slow_predicted_ms_min: is \"auto\", or a whole number of",
        ),
        (
            "[lanes.fast]\ngroup_commit_age_max = 5",
            "conf/scanflow.toml:2: lanes.fast.group_commit_age_max: ",
        ),
        ("[run]\nepoch = \"0s\"", "conf/scanflow.toml:2: run.epoch: must be longer than zero"),
        (
            "[database]\nconnections_max = 8",
            "conf/scanflow.toml:2: database.connections_max: unknown key `connections_max`: it is \
             limits.db_connections_max now",
        ),
        (
            "[database]\npooler = \"session\"",
            "conf/scanflow.toml:2: database.pooler: unknown value, expected one of",
        ),
        (
            "[limits]\ndb_connections_max = 4",
            "conf/scanflow.toml:2: limits.db_connections_max: must be at least 5",
        ),
        (
            "[limits]\nscans_per_second_max = 0",
            "conf/scanflow.toml:2: limits.scans_per_second_max: must be more than 0",
        ),
        (
            "[limits]\nmemory_max = \"512MB\"",
            "conf/scanflow.toml:2: limits.memory_max: is a size such as",
        ),
        ("[run]\nworkers 2", "conf/scanflow.toml:2: "),
        (
            "[checks]\ndisable = [\n\"caa.mising\"]",
            "conf/scanflow.toml:2: checks.disable: no check has the id `caa.mising`: there is caa.missing",
        ),
        (
            "[checks]\n\nseverity = { \"no.such\" = \"low\" }",
            "conf/scanflow.toml:3: checks.severity.no.such: no check has the id `no.such`: see",
        ),
        (
            "[checks.severity]\n\"caa.missing\" = \"bad\"",
            "conf/scanflow.toml:2: checks.severity.caa.missing: unknown value, expected one of `info`",
        ),
        ("[checks]\nenable = []", "conf/scanflow.toml:2: checks.enable: unknown key `enable`"),
        (
            "[[checks.for]]\nplan = \"free\"\n[[checks.for]]\nplan = \"pro\"\nenable = [\"x\"]",
            "conf/scanflow.toml:5: checks.for[1].enable: no check has the id `x`",
        ),
        (
            "[[checks.for]]\nplan = \"free\"\n\n[[checks.for]]\ndisable = [\"spf.missing\"]",
            "conf/scanflow.toml:4: checks.for[1]: needs plan or account",
        ),
        (
            "[[checks.for]]\nplan = \"a\"\ndisable = [\"spf.missing\"]\nenable = [\"spf.missing\"]",
            "conf/scanflow.toml:1: checks.for[0]: disables and enables the same check",
        ),
        ("[[checks.for]]\nplans = \"a\"", "conf/scanflow.toml:2: checks.for[0].plans: unknown key"),
    ] {
        let err = read(text, &[], &[]).expect_err(text);
        assert!(err.starts_with(expected), "{text}: {err}");
    }
}

#[test]
fn errors_name_the_variable_or_the_flag() {
    for (name, value, expected) in [
        ("SCANFLOW_RUN__WORKERS", "0", "SCANFLOW_RUN__WORKERS: run.workers: must be at least 1"),
        (
            "SCANFLOW_RUN__WORKERS",
            "many",
            "SCANFLOW_RUN__WORKERS: run.workers: invalid type: a text",
        ),
        (
            "SCANFLOW_DATABASE_URL",
            "x",
            "SCANFLOW_DATABASE_URL: database_url: unknown key `database_url`",
        ),
        (
            "SCANFLOW_LANES__FAST__SPEED",
            "1",
            "SCANFLOW_LANES__FAST__SPEED: lanes.fast.speed: unknown key",
        ),
        ("SCANFLOW_DATABASE__URL", "", "SCANFLOW_DATABASE__URL: database.url: is empty"),
        (
            "SCANFLOW_SCHEDULE__RATE",
            "-1",
            "SCANFLOW_SCHEDULE__RATE: schedule.rate: must be more than 0",
        ),
    ] {
        let err = read("[run]\nworkers = 9", &[(name, value)], &[]).expect_err(name);
        assert!(err.starts_with(expected), "{err}");
    }
    let err = read("", &[], &[("--rate", "schedule.rate", "0")]).expect_err("rate 0");
    assert_eq!(err, "--rate: schedule.rate: must be more than 0");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(vec![0xff]);
    let environment = vec![("SCANFLOW_DATABASE__URL".into(), value)];
    let err = Sources { environment, ..Sources::default() }.read().expect_err("not UTF-8");
    assert_eq!(err.to_string(), "SCANFLOW_DATABASE__URL: database.url: is not UTF-8");
}

#[test]
fn no_error_and_no_debug_print_shows_a_password() {
    const URL: &str = "postgres://scanflow:canary@db/fleet";
    let quoted = format!("\"{URL}\"");
    for text in [
        format!("database = {quoted}"),
        format!("[database]\nurl = {URL}"),
        format!("[database]\nurl = \"{URL}"),
        format!("[limits]\ndb_connections_max = {quoted}"),
        format!("[database]\nurl_file = {quoted}"),
        format!("[database]\nurl = [{quoted}]"),
        format!("[schedule]\nrate = {quoted}"),
        format!("[log]\nlevel = {quoted}"),
        format!("[database]\nurl = {quoted}\nurl = {quoted}"),
    ] {
        let err = read(&text, &[], &[]).expect_err(&text);
        assert!(!err.contains("canary"), "{err}");
    }
    for name in [
        "SCANFLOW_DATABASE",
        "SCANFLOW_DATABASE__URL_FILE",
        "SCANFLOW_RUN__EPOCH",
        "SCANFLOW_LOG__LEVEL",
    ] {
        let err = read("", &[(name, URL)], &[]).expect_err(name);
        assert!(!err.contains("canary"), "{err}");
    }
    let config = read("", &[("SCANFLOW_DATABASE__URL", URL)], &[]).expect("valid");
    assert!(!format!("{config:?}").contains("canary"));
    assert!(!toml::to_string(&config).expect("TOML").contains("canary"));
}

/// A key that is on by default stands as it is; one without a default stands commented out.
#[test]
fn the_file_at_the_root_holds_every_key_with_its_default() {
    let text = include_str!("../../../scanflow.toml");
    assert_eq!(read(text, &[], &[]), Ok(Config::default()));

    let is_key = |line: &str| {
        line.split_once(" = ")
            .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| is_key(line)).unwrap_or(line))
        .collect();
    let stands: Table = toml::from_str(&uncommented.join("\n")).expect("TOML");
    let mut all = Config::default();
    all.database.url = Some(Secret::new("url"));
    all.database.url_file = Some("file".into());
    assert_eq!(keys(&stands), keys(&Table::try_from(all).expect("TOML")));
}

/// What is shown commented out is read, too.
#[test]
fn the_example_of_an_exception_is_valid() {
    let text = include_str!("../../../scanflow.toml");
    let lines = text.lines().skip_while(|line| *line != "# [[checks.for]]");
    let example: String =
        lines.map_while(|line| line.strip_prefix("# ")).flat_map(|line| [line, "\n"]).collect();
    let config = read(&example, &[], &[]).expect("valid");
    let [exception] = &config.checks.exceptions[..] else { panic!("one: {example}") };
    assert!(exception.account.as_ref().is_some_and(|account| account.matches("moj:x")));
    let counts = [exception.disable.len(), exception.enable.len(), exception.severity.len()];
    assert_eq!((exception.plan.as_deref(), counts), (Some("free"), [1, 1, 1]));
    assert_eq!(read(&toml::to_string(&config).expect("TOML"), &[], &[]), Ok(config));
}

fn keys(table: &Table) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                keys.extend(self::keys(inner).iter().map(|inner| format!("{key}.{inner}")))
            }
            _ => drop(keys.insert(key.clone())),
        }
    }
    keys
}

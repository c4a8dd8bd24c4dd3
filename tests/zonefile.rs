//! The reader of zone files against `named-compilezone`: the same text gives the same records.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use scanflow::inventory::normalise::{self, RawRecord};
use scanflow::inventory::zonefile::{self, Included, ZoneFile};
use scanflow::model::{Record, RecordType};

fn folder() -> PathBuf {
    scanflow_testing::workspace().join("tests/zonefiles")
}

fn read(text: &[u8], origin: &str) -> ZoneFile {
    let mut include = |path: &str| {
        let file = folder().join(path);
        let text = std::fs::read(&file).map_err(|error| error.to_string())?;
        Ok(Included { file, text })
    };
    let file = Arc::new(PathBuf::from("test.zone"));
    zonefile::read(file, text, Some(origin.to_owned()), &mut include)
}

/// What BIND reads in a file. None, with a line that says so, if its tools are missing outside of
/// CI.
fn oracle(file: &Path, origin: &str) -> Option<BTreeSet<Record>> {
    let program = "named-compilezone";
    let settings = ["-q", "-i", "none", "-k", "ignore", "-n", "ignore", "-s", "full", "-o", "-"];
    let output =
        Command::new(program).args(settings).arg(origin).arg(file).current_dir(folder()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if std::env::var_os("CI").is_none() => {
            #[expect(clippy::print_stderr, reason = "a skipped test says why")]
            {
                eprintln!("SKIPPED: {program} of bind9-utils: {error}");
            }
            return None;
        }
        Err(error) => panic!("{program} of bind9-utils: {error}"),
    };
    let text = String::from_utf8(output.stdout).expect("ASCII");
    assert!(output.status.success() && !text.is_empty(), "{} is refused", file.display());
    let records = text.lines().filter(|line| !line.starts_with(';'));
    Some(records.map(oracle_record).collect())
}

/// Reads `owner ttl IN type data` as BIND writes it: complete names, one record a line.
fn oracle_record(line: &str) -> Record {
    let mut rest = line;
    let mut next = || {
        let end = rest.find([' ', '\t']).expect("five fields");
        let (field, after) = rest.split_at(end);
        rest = after.trim_start();
        field
    };
    let (name, ttl, class, kind) = (next(), next(), next(), next());
    assert_eq!(class, "IN");
    let text = (kind == "TXT").then(|| normalise::text_of_strings(rest).expect("strings"));
    let record = normalise::record(RawRecord {
        name,
        kind,
        content: text.as_deref().unwrap_or(rest),
        priority: None,
        ttl: Some(ttl.parse().expect("seconds")),
        proxied: None,
        private_routing: false,
    });
    comparable(record.expect("a record"))
}

/// Without the freedoms of a presentation form: breaks and case of numbers in base 16 and breaks of
/// those in base 64, quotes of service parameters, dates of signatures (RFC 4034 §3.2).
fn comparable(mut record: Record) -> Record {
    let blanks = |text: &str| text.replace(' ', "");
    record.content = match record.kind.name() {
        "TLSA" | "SMIMEA" | "SSHFP" | "DS" | "CDS" | "ZONEMD" => {
            blanks(&record.content).to_ascii_uppercase()
        }
        "RRSIG" => blanks(&record.content)
            .replace("20300101000000", "1893456000")
            .replace("20260101000000", "1767225600"),
        "CERT" | "DNSKEY" | "OPENPGPKEY" => blanks(&record.content),
        "HTTPS" | "SVCB" => record.content.replace('"', ""),
        name if name.starts_with("TYPE") => record.content.to_ascii_uppercase(),
        _ => record.content,
    };
    record
}

fn assert_equal(read: &ZoneFile, oracle: &BTreeSet<Record>) {
    assert_eq!(read.problems, []);
    let own: BTreeSet<Record> = read.records.iter().cloned().map(comparable).collect();
    let missing: Vec<_> = oracle.difference(&own).collect();
    let surplus: Vec<_> = own.difference(oracle).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:#?} surplus {surplus:#?}");
}

#[test]
fn every_sample_gives_the_records_that_bind_reads() {
    for (file, count) in [
        ("units.zone", 32),
        ("types.zone", 41),
        ("generate.zone", 56),
        ("include.zone", 13),
        ("crlf.zone", 7),
    ] {
        let path = folder().join(file);
        let text = std::fs::read(&path).unwrap();
        let zone = read(&text, "example.org");
        assert_eq!(zone.zone.as_deref(), Some("example.org"), "{file}");
        let set: BTreeSet<&Record> = zone.records.iter().collect();
        assert_eq!(set.len(), count, "{file}");
        if let Some(oracle) = oracle(&path, "example.org") {
            assert_equal(&zone, &oracle);
        }
    }
}

#[test]
fn the_zone_gov_gives_the_records_that_bind_reads() {
    let Some(samples) = scanflow_testing::shared_data("samples/bind-dotgov/gov.txt.zst") else {
        return;
    };
    let text = zstd::decode_all(std::fs::File::open(samples).unwrap()).unwrap();
    let zone = read(&text, "gov");
    assert_eq!((zone.zone.as_deref(), zone.records.len()), (Some("gov"), 47_807));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &text).unwrap();
    if let Some(oracle) = oracle(file.path(), "gov") {
        assert_equal(&zone, &oracle);
    }
}

#[test]
fn types_that_nobody_here_reads_are_kept_and_counted() {
    let text = std::fs::read(folder().join("types.zone")).unwrap();
    let zone = read(&text, "example.org");
    let raw: Vec<(&str, u64)> =
        zone.raw.iter().map(|(kind, count)| (kind.name(), *count)).collect();
    let expected =
        ["CERT", "LOC", "SMIMEA", "SVCB", "URI", "AFSDB", "APL", "CSYNC", "EUI48", "EUI64", "KX"];
    let expected = expected.iter().chain(&["SPF", "TYPE65400", "TYPE65401"]);
    assert_eq!(raw, expected.map(|kind| (*kind, 1)).collect::<Vec<_>>());
    let content = |kind: &str| {
        let kind = RecordType::from_name(kind);
        let found = zone.records.iter().find(|record| record.kind == kind);
        found.map(|record| record.content.as_str()).unwrap()
    };
    assert_eq!(content("AFSDB"), "1 host.example.org");
    assert_eq!(content("SPF"), "\"v=spf1 \" \"-all\"");
    assert_eq!(content("CAA"), r#"0 issue "a; b=\"c\"""#);
}

/// A line each: `line: reason`.
fn problems(zone: &ZoneFile) -> Vec<String> {
    zone.problems.iter().map(|p| format!("{}: {}", p.place.line, p.reason)).collect()
}

fn names(zone: &ZoneFile) -> Vec<&str> {
    zone.records.iter().map(|record| record.name.as_str()).collect()
}

#[test]
fn a_bad_line_is_named_with_its_reason_and_the_rest_is_read() {
    let text = "\
$TTL soon
a A 192.0.2.1
b A 192.0.2.256
c A
d
e\\256 A 192.0.2.2
 TXT \"nobody's\"
f CH TXT \"x\"
g INN A 192.0.2.3
h A ( 192.0.2.4
   extra )
i TXT \"open
j MX mail
k 1x A 192.0.2.5
$WHAT
$GENERATE 1-70000 l$ A 192.0.2.6
$GENERATE 3-1 l$ A 192.0.2.6
$INCLUDE none.zone
m SOA a b 1 2 3
n.. A 192.0.2.7
o A 192.0.2.8 ; good
p 2147483648 A 192.0.2.9
q A \\# 4 zz
r (
s A 192.0.2.10";
    let zone = read(text.as_bytes(), "example.org");
    assert_eq!(
        names(&zone),
        ["a.example.org", "o.example.org", "s.example.org"],
        "{:#?}",
        problems(&zone)
    );
    let problems = problems(&zone);
    let expected = [
        "1: the time of `$TTL` is none",
        "3: not the data of a A record: ",
        "4: a A record without data",
        "5: an entry without a type",
        "6: a broken escape in \"e\\\\256.example.org\"",
        "7: no owner stands in this line or in one before it",
        "8: the class CH is not IN",
        "9: \"INN\" is neither a TTL, a class nor a type",
        "10: not the data of a A record: ",
        "12: a quote without its end",
        "13: not the data of a MX record: ",
        "14: \"1x\" is no TTL",
        "15: \"$WHAT\" is no directive",
        "16: the `$GENERATE` of a zone make more than 65536 names",
        "17: `$GENERATE` wants `start-stop[/step]`",
        "18: \"none.zone\": No such file",
        "19: an SOA record with 2 times instead of 4",
        "20: an empty label in \"n..\"",
        "22: a TTL of 2147483648 s is over 2147483647 s",
        "23: not the data of a A record: ",
        "24: `(` without `)`",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem:?} is not {expected:?}");
    }
}

#[test]
fn what_bind_refuses_and_providers_hold_is_read() {
    let long = "x".repeat(300);
    let text = format!(
        "@ SOA ns hostmaster 20260822000 1d 2h 4w 1h\n\
         @ ALIAS lb\n\
         long TXT \"{long}\"\n\
         page URL https://example.net/\n\
         out.example.net. A 192.0.2.1\n\
         on 1 IN A 192.0.2.2 ; a note cf_tags=team:a,cf-proxied:true\n\
         off 1 IN A 192.0.2.3 ; cf_tags=cf-proxied:false\n"
    );
    let zone = read(text.as_bytes(), "example.org");
    assert_eq!(zone.problems, []);
    let contents: Vec<&str> = zone.records.iter().map(|record| &*record.content).collect();
    let soa = "ns.example.org hostmaster.example.org 20260822000 86400 7200 2419200 3600";
    let expected = [soa, "lb.example.org", &long, "https://example.net/", "192.0.2.2", "192.0.2.3"];
    assert_eq!(contents, expected);
    let proxied: Vec<_> = zone.records.iter().map(|record| record.proxied).collect();
    assert_eq!(proxied, [None, None, None, None, Some(true), Some(false)]);
    assert_eq!(zone.outside.len(), 1);
    assert_eq!(
        zone.outside[0].to_string(),
        "test.zone:5: out.example.net A is not in the zone example.org"
    );
}

#[test]
fn the_zone_is_that_of_the_soa_then_of_the_origin_then_of_the_file() {
    for (text, given, expected) in [
        (
            "$ORIGIN org.\nexample SOA a b 1 2 3 4 5\nwww.example A 192.0.2.1",
            Some("x.test"),
            "example.org",
        ),
        ("$ORIGIN example.org.\nwww A 192.0.2.1", None, "example.org"),
        (
            "@ A 192.0.2.1\n$ORIGIN sub.example.org.\nwww A 192.0.2.2",
            Some("example.org"),
            "example.org",
        ),
    ] {
        let mut include = |_: &str| Err("none".to_owned());
        let file = Arc::new(PathBuf::from("test.zone"));
        let given = given.map(str::to_owned);
        let zone = zonefile::read(file, text.as_bytes(), given, &mut include);
        assert_eq!(
            (zone.zone.as_deref(), zone.problems.len(), zone.outside.len()),
            (Some(expected), 0, 0)
        );
    }
    let mut include = |_: &str| Err("none".to_owned());
    let zone = zonefile::read(Arc::default(), b"a.test. A 192.0.2.1", None, &mut include);
    assert_eq!((zone.zone.as_deref(), zone.records.len()), (None, 0));
    assert!(problems(&zone)[0].contains("nothing says which zone"));
}

#[test]
fn files_that_include_each_other_end() {
    let mut calls = 0;
    let mut include = |path: &str| {
        calls += 1;
        let text = b"$INCLUDE again\n$INCLUDE again\na A 192.0.2.1\n".to_vec();
        Ok(Included { file: path.into(), text })
    };
    let file = Arc::new(PathBuf::from("test.zone"));
    let text = b"$INCLUDE first\n";
    let zone = zonefile::read(file, text, Some("example.org".into()), &mut include);
    assert_eq!(calls, 1_000);
    let reasons = |word: &str| zone.problems.iter().filter(|p| p.reason.contains(word)).count();
    assert!(reasons("more than 10 deep") > 0 && reasons("more than 1000 files") > 0);
    assert_eq!(zone.problems[0].place.to_string(), "again:1");
}

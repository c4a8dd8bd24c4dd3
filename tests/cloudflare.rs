//! The readers of Cloudflare's answers over answers as the API gives them.

use scanflow::inventory::cloudflare::{
    Answer, Kind, Pages, accounts, dnssec, members, records, settings, subject_of_path, zones,
};
use scanflow::model::{MemberStatus, TlsVersion, ZoneKind, ZoneStatus};

fn sample(path: &str) -> Answer {
    let file = scanflow_testing::workspace().join("tests/cloudflare").join(path);
    Answer::parse(&std::fs::read(file).expect("a sample")).expect("an answer")
}

#[test]
fn every_sample_is_recognised() {
    for (path, kind, subject) in [
        ("zones.json", Kind::Zones, None),
        ("accounts/0a1b.json", Kind::Accounts, None),
        ("accounts/0a1b/members.json", Kind::Members, Some("0a1b")),
        ("zones/1c2d/dns_records.json", Kind::Records, Some("1c2d")),
        ("zones/1c2d/settings.json", Kind::Settings, Some("1c2d")),
        ("zones/1c2d/dnssec.json", Kind::Dnssec, Some("1c2d")),
    ] {
        assert_eq!(sample(path).kind(path), Ok(kind));
        assert_eq!(sample(path).kind("elsewhere.json"), Ok(kind), "by its fields alone");
        assert_eq!(subject_of_path(path), subject);
    }
}

#[test]
fn zones_have_a_state_a_plan_and_an_account() {
    let answer = sample("zones.json");
    let read = zones(&answer);
    let [full, partial] = &read.entries[..] else { panic!("{read:?}") };
    assert_eq!(full.entry.name, "xn--bcher-kva.example");
    assert_eq!(
        (full.entry.external_id.as_str(), full.entry.plan.as_deref()),
        ("1c2d", Some("pro"))
    );
    assert_eq!(
        (full.entry.account_id.as_str(), full.account_name.as_deref()),
        ("0a1b", Some("Example Ltd"))
    );
    assert_eq!(full.entry.state.status, Some(ZoneStatus::Active));
    assert!(full.entry.state.flattens_apex && full.entry.records_complete);
    assert_eq!(partial.entry.state.status, Some(ZoneStatus::Moved));
    assert_eq!(
        (partial.entry.state.kind, partial.entry.state.paused),
        (Some(ZoneKind::Partial), Some(true))
    );
    assert!(!partial.entry.records_complete, "it is served elsewhere");
    let faults: Vec<String> = read.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "result[2]: missing field `account`",
            "result[3]: \"dreaming\" is no status of a zone",
            "result[4]: an empty label in \"two..dots\"",
        ]
    );
    let mut pages = Pages::default();
    pages.add(answer.page(), 5);
    assert_eq!(pages.missing().as_deref(), Some("1 of 2 pages are missing, the first is 2"));
}

#[test]
fn an_account_states_its_settings_and_members_without_addresses() {
    let read = accounts(&sample("accounts/0a1b.json"));
    assert_eq!(read.faults, []);
    let account = &read.entries[0];
    assert_eq!((account.external_id.as_str(), account.name.as_str()), ("0a1b", "Example Ltd"));
    assert_eq!(
        account.settings.as_ref().and_then(|settings| settings.enforce_twofactor),
        Some(false)
    );

    let read = members(&sample("accounts/0a1b/members.json"));
    assert_eq!(read.faults, []);
    let [ada, new] = &read.entries[..] else { panic!("{read:?}") };
    assert_eq!((ada.id.as_str(), ada.status, ada.mfa), ("m1", MemberStatus::Accepted, Some(false)));
    assert_eq!(ada.roles, ["Administrator", "Super Administrator - All Privileges"]);
    assert_eq!((new.id.as_str(), new.status, new.mfa), ("m2", MemberStatus::Pending, None));
    assert_eq!(ada.email_hash.as_ref().map(String::len), Some(32));
    assert_ne!(ada.email_hash, new.email_hash);
    assert!(!format!("{read:?}").contains('@'));
}

#[test]
fn a_zone_has_settings_and_dnssec() {
    let read = settings(&sample("zones/1c2d/settings.json")).unwrap();
    assert_eq!(read.min_tls_version, Some(TlsVersion::V1_2));
    assert_eq!(
        read.other.keys().collect::<Vec<_>>(),
        ["always_use_https", "security_header", "ssl"]
    );
    assert_eq!(read.other["ssl"], "full");
    let read = dnssec(&sample("zones/1c2d/dnssec.json")).unwrap();
    assert_eq!((read.status.as_str(), &read.other["key_tag"]), ("active", &serde_json::json!(42)));

    let wrong = |result: &str| {
        let text = format!("{{\"success\":true,\"result\":{result}}}");
        settings(&Answer::parse(text.as_bytes()).unwrap()).unwrap_err().to_string()
    };
    assert!(
        wrong(r#"[{"id":"min_tls_version","value":"2.0"}]"#)
            .contains("min_tls_version: unknown variant")
    );
    assert!(wrong(r#"[{"id":"ssl"}]"#).contains("result[0]: ssl has no `value`"));
    assert!(dnssec(&sample("zones.json")).is_err());
}

#[test]
fn records_are_normalised_and_bad_ones_named() {
    let answer = sample("zones/1c2d/dns_records.json");
    let read = records(&answer, Some("1c2d"));
    let lines: Vec<String> = read
        .entries
        .iter()
        .map(|entry| {
            let record = &entry.record;
            let name = record.name.trim_end_matches("xn--bcher-kva.example");
            format!("{name} {} {:?} {}", record.kind, record.priority, record.content)
        })
        .collect();
    assert_eq!(
        lines,
        [
            " A None 192.0.2.1",
            " MX Some(10) mail.example.net",
            " TXT None v=spf1 -all",
            "plain. TXT None no \"quotes\" around",
            "_sip._tcp. SRV Some(1) 5 5060 sip.example.net",
            " CAA None 0 issue \"letsencrypt.org\"",
            "lan. A None 10.0.0.1",
        ]
    );
    let first = &read.entries[0];
    assert_eq!(
        (first.zone_id.as_str(), first.record.ttl, first.record.proxied),
        ("1c2d", Some(1), Some(true))
    );
    assert_eq!(read.entries[5].record.proxied, None);
    assert!(read.entries[6].record.private_routing);
    assert_eq!(read.faults.len(), 2);
    assert_eq!(read.faults[0].zone_id.as_deref(), Some("1c2d"));
    assert!(
        read.faults[0]
            .to_string()
            .starts_with("result[7] a8: the content \"one.two\" of a A record")
    );
    assert_eq!(read.faults[1].to_string(), "result[8] a9: missing field `content`");
    let homeless = records(&answer, None);
    assert_eq!((homeless.entries.len(), homeless.faults.len()), (0, 9));
}

/// Pages as the shared sample has them: each record states its zone, and most pages are missing.
#[test]
fn the_shared_pages_are_read_and_known_to_be_incomplete() {
    let Some(folder) = scanflow_testing::shared_data("samples/cloudflare-api") else { return };
    let mut pages = Pages::default();
    let mut count = 0;
    for page in ["1", "2", "178"] {
        let path = format!("dns_records-page-{page}.json");
        let answer = Answer::parse(&std::fs::read(folder.join(&path)).unwrap()).unwrap();
        assert_eq!(answer.kind(&path), Ok(Kind::Records));
        let read = records(&answer, None);
        assert_eq!(read.faults, []);
        pages.add(answer.page(), read.entries.len());
        count += read.entries.len();
    }
    assert_eq!(count, 207);
    assert_eq!(pages.missing().as_deref(), Some("175 of 178 pages are missing, the first is 3"));
    let answer = Answer::parse(&std::fs::read(folder.join("zones.json")).unwrap()).unwrap();
    assert_eq!(answer.kind("zones.json"), Ok(Kind::Zones));
    let read = zones(&answer);
    assert_eq!((read.entries.len(), read.faults.len()), (19, 0));
}

//! The mistakes that are made in zones are those that the checks find.

use std::collections::BTreeSet;

use scanflow::checks::{self, evaluate};
use scanflow::generate::{Mistake, mistake};
use scanflow::model::{AssetId, Records, Snapshot, Verdict, ZoneSnapshot};

const SOUND: &str = "@      A     198.41.0.4
                     @      MX    10 mail.example.com
                     @      TXT   v=spf1 mx -all
                     @      CAA   0 issue \"ca.example\"
                     _dmarc TXT   v=DMARC1; p=reject; rua=mailto:d@example.com
                     mail   A     198.41.0.4
                     www    CNAME example.com";

fn sound() -> ZoneSnapshot {
    ZoneSnapshot::from_text(AssetId(1), "example.com", SOUND)
}

fn verdict(zone: &ZoneSnapshot, check: &str) -> Verdict {
    let check = checks::ALL.iter().find(|c| c.about().id.as_str() == check);
    evaluate(*check.expect("a check"), &Snapshot::Zone(zone.clone()))
}

#[test]
fn each_mistake_is_found_by_its_check_and_was_not_there_before() {
    let sound = sound();
    let mut seen = BTreeSet::new();
    for choice in 0.. {
        let Mistake { check, records } =
            mistake(&sound.name, &sound.records, choice).expect("a mistake");
        if !seen.insert(check) {
            break; // round and round
        }
        assert!(verdict(&sound, check).into_findings().is_empty(), "{check} is there already");
        let broken = ZoneSnapshot { records: records.into_iter().collect(), ..sound.clone() };
        assert!(!verdict(&broken, check).into_findings().is_empty(), "{check} finds nothing");
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

#[test]
fn a_mistake_is_not_made_twice() {
    let mut zone = sound();
    for _ in 0..50 {
        let Some(Mistake { records, .. }) = mistake(&zone.name, &zone.records, 0) else {
            break;
        };
        let records = records.into_iter().collect();
        assert_ne!(zone.records, records);
        zone.records = records;
    }
    assert_eq!(mistake(&zone.name, &zone.records, 0), None);
}

#[test]
fn an_empty_zone_gets_a_private_address() {
    let made = mistake("example.com", &Records::default(), 7).expect("one can be made");
    assert_eq!((made.check, made.records.len()), ("dns.private_address", 1));
}

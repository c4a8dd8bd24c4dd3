//! `caa.missing`: any certification authority may issue.
//!
//! Fires for an active zone in which some name above every zone cut has A, AAAA, CNAME or ALIAS,
//! and neither the apex nor an ancestor in the fleet has CAA (RFC 8659 §3). Subject: the apex.

use serde_json::json;

use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Record, RecordType, Severity, Snapshot, Verdict,
    ZoneSnapshot, ancestors,
};

pub(crate) struct CaaMissing;

static ABOUT: About = About {
    id: CheckId::new("caa.missing"),
    version: 1,
    title: "Any certification authority may issue",
    severity: Severity::Low,
    asset: AssetKind::Zone,
    judges: Judges::Asset,
    needs: &[Facet::Records],
    fires_on_absence: true,
    remediation: "Publish CAA with issue, issuewild and iodef at the apex",
    reference: "RFC 8659 §3",
};

impl Check for CaaMissing {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        if !zone.state.is_active() {
            return Verdict::NotApplicable;
        }
        let Some(host) = host(zone, &mut |_| {}) else { return Verdict::NotApplicable };
        if has_caa(zone, &mut |_| {}) {
            return Verdict::Pass;
        }
        let evidence = json!({ "host": host });
        Verdict::of(vec![Finding::new(&zone.name, ABOUT.severity, evidence)])
    }

    fn refer(&self, zone: &ZoneSnapshot, ask: &mut dyn FnMut(&str)) {
        if zone.state.is_active() && host(zone, ask).is_some() {
            has_caa(zone, ask);
        }
    }
}

/// The first name that a certificate may be wanted for. What has to be known of other shards for that
/// is asked for, and until then no name is found that may lie below a zone cut.
fn host<'z>(zone: &'z ZoneSnapshot, ask: &mut dyn FnMut(&str)) -> Option<&'z str> {
    let mut hosts = zone.records.owners().filter(|(_, set)| set.iter().any(leads_to_an_address));
    hosts.find(|(owner, _)| is_delegated(zone, owner, ask) == Some(false)).map(|(owner, _)| owner)
}

fn leads_to_an_address(record: &Record) -> bool {
    matches!(record.kind, RecordType::A | RecordType::Aaaa | RecordType::Cname | RecordType::Alias)
}

/// Whether a name lies at or below a zone cut (RFC 1034 §4.2): its data are another zone's. None: a
/// name above it is in another shard, and was asked for.
fn is_delegated(zone: &ZoneSnapshot, name: &str, ask: &mut dyn FnMut(&str)) -> Option<bool> {
    let mut is_unknown = false;
    for name in ancestors(name).take_while(|name| *name != zone.name) {
        match zone.own_at(name) {
            Some(records) if records.iter().any(|record| record.kind == RecordType::Ns) => {
                return Some(true);
            }
            Some(_) => {}
            None => {
                is_unknown = true;
                ask(name);
            }
        }
    }
    (!is_unknown).then_some(false)
}

/// Whether the apex or an ancestor has CAA. Names that nothing is known of are asked for.
fn has_caa(zone: &ZoneSnapshot, ask: &mut dyn FnMut(&str)) -> bool {
    ancestors(&zone.name).any(|name| match zone.fleet_at(name) {
        Some(records) => records.iter().any(|record| record.kind == RecordType::Caa),
        None => {
            ask(name);
            false
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::{Reference, UnknownReason, ZoneStatus};

    fn judge(zone: &ZoneSnapshot) -> Verdict {
        CaaMissing.judge(&Snapshot::Zone(zone.clone()))
    }

    fn asked(zone: &ZoneSnapshot) -> Vec<String> {
        let mut names = Vec::new();
        CaaMissing.refer(zone, &mut |name| names.push(name.to_owned()));
        names
    }

    #[test]
    fn fires_once_for_a_zone_with_hosts() {
        for line in ["www A 192.0.2.1", "@ AAAA 2001:db8::1", "a CNAME b.test", "@ ALIAS b.test"] {
            let zone = zone(&format!("{line}\nsub CAA 0 issue \";\"\n@ NS ns.test"));
            let findings = judge(&zone).into_findings();
            assert_eq!(findings.len(), 1, "{line}");
            assert_eq!(findings[0].subject, "example.com");
            assert_eq!(asked(&zone), ["com"]);
        }
        let findings = judge(&zone("b A 192.0.2.1\na A 192.0.2.1")).into_findings();
        assert_eq!(findings[0].evidence, r#"{"host":"a.example.com"}"#);
    }

    #[test]
    fn silent_with_caa_at_the_apex() {
        let zone = zone("www A 192.0.2.1\n@ CAA 0 issue \"ca.test\"");
        assert_eq!(judge(&zone), Verdict::Pass);
        assert!(asked(&zone).is_empty());
    }

    #[test]
    fn silent_with_caa_at_an_ancestor_in_the_fleet() {
        let mut zone = zone("www A 192.0.2.1");
        let caa = self::zone("com. CAA 0 issue \"ca.test\"").records;
        let reference = Reference { records: caa, is_complete: true };
        zone.references.insert("com".into(), reference);
        assert_eq!(judge(&zone), Verdict::Pass);
        assert!(asked(&zone).is_empty());

        let empty = Reference { is_complete: true, ..Reference::default() };
        zone.references.insert("com".into(), empty);
        assert_eq!(judge(&zone).into_findings().len(), 1);
    }

    #[test]
    fn silent_without_hosts_above_a_zone_cut() {
        for lines in [
            "@ MX 0 .\n@ TXT x",
            "sub NS ns.sub.example.com\nns.sub A 192.0.2.1",
            "sub NS ns.test\nsub A 192.0.2.1",
        ] {
            assert_eq!(judge(&zone(lines)), Verdict::NotApplicable, "{lines}");
            assert!(asked(&zone(lines)).is_empty());
        }
    }

    #[test]
    fn silent_while_the_zone_is_not_active() {
        let mut zone = zone("www A 192.0.2.1");
        for status in [ZoneStatus::Pending, ZoneStatus::Moved] {
            zone.state.status = Some(status);
            assert_eq!(judge(&zone), Verdict::NotApplicable);
        }
        zone.state.status = Some(ZoneStatus::Active);
        assert_eq!(judge(&zone).into_findings().len(), 1);
    }

    #[test]
    fn unknown_with_partial_records() {
        let mut zone = zone("www A 192.0.2.1");
        zone.records_complete = false;
        let partial = Verdict::unknown(UnknownReason::Partial);
        assert_eq!(evaluate(&CaaMissing, &Snapshot::Zone(zone)), partial);
    }
}

//! `dmarc.missing`: a mail domain without a DMARC policy.
//!
//! For each owner N of an MX that is not null: fires if neither `_dmarc.N` nor `_dmarc` of an
//! ancestor holds exactly one DMARC record. The walk is that of RFC 9989 §4.10, at most 8 names; a
//! CNAME is followed inside the fleet. An ancestor outside the fleet holds none if it is a public
//! suffix of N or above; below, and where a CNAME leaves the fleet, the answer is `unknown`.
//! Subject: N.

use serde_json::json;

use super::dmarc::dmarc_record;
use super::mail_domains::mail_domains;
use super::texts::texts;
use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Severity, Snapshot, UnknownReason, Verdict, ZoneSnapshot,
    ancestors, is_at_or_below,
};

pub(crate) struct DmarcMissing;

static ABOUT: About = About {
    id: CheckId::new("dmarc.missing"),
    version: 1,
    title: "Mail domain without a DMARC policy",
    severity: Severity::High,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: true,
    remediation: "Publish a DMARC record with p=none and rua, read the reports, then enforce",
    reference: "RFC 9989 §4.10",
};

impl Check for DmarcMissing {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        let mut findings = Vec::new();
        let (mut has_mail, mut leaves_fleet) = (false, false);
        for (owner, _) in mail_domains(zone) {
            has_mail = true;
            match has_policy(zone, owner, &mut |_| {}) {
                Some(true) => {}
                Some(false) => findings.push(missing(owner)),
                None => leaves_fleet = true,
            }
        }
        match (has_mail, leaves_fleet) {
            (false, _) => Verdict::NotApplicable,
            (_, true) => Verdict::Unknown { reason: UnknownReason::LeavesFleet, findings },
            (_, false) => Verdict::of(findings),
        }
    }

    fn refer(&self, zone: &ZoneSnapshot, ask: &mut dyn FnMut(&str)) {
        for (owner, _) in mail_domains(zone) {
            has_policy(zone, owner, ask);
        }
    }
}

/// Names of the walk after the first have no more labels.
const LABELS_MAX: usize = 7;

/// The names whose `_dmarc` is asked for a policy of `name`: itself and its ancestors, from the
/// longest; of a long name only those of the last labels (RFC 9989 §4.10).
fn walk(name: &str) -> impl Iterator<Item = &str> {
    let labels = name.split('.').count();
    let is_asked = move |steps: &usize| *steps == 0 || labels - steps <= LABELS_MAX;
    ancestors(name).enumerate().filter(move |(steps, _)| is_asked(steps)).map(|(_, name)| name)
}

/// None if the answer lies outside the fleet.
fn has_policy(zone: &ZoneSnapshot, owner: &str, ask: &mut dyn FnMut(&str)) -> Option<bool> {
    let suffix = psl::suffix_str(owner).unwrap_or_default();
    let mut leaves_fleet = false;
    for domain in walk(owner) {
        let name = format!("_dmarc.{domain}");
        match texts(zone, &name, ask).map(dmarc_record) {
            Some(Some(_)) => return Some(true),
            Some(None) => {}
            // Nothing is there, unless an alias in the fleet says that something is elsewhere.
            None if is_at_or_below(suffix, domain) && zone.fleet_at(&name).is_none() => {}
            None => leaves_fleet = true,
        }
    }
    (!leaves_fleet).then_some(false)
}

fn missing(owner: &str) -> Finding {
    let asked: Vec<String> = walk(owner).map(|domain| format!("_dmarc.{domain}")).collect();
    Finding::new(owner, ABOUT.severity, json!({ "asked": asked }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AssetId, Record, RecordType, Reference};

    fn zone(name: &str, lines: &str) -> ZoneSnapshot {
        ZoneSnapshot::from_text(AssetId(1), name, lines)
    }

    fn judge(zone: &ZoneSnapshot) -> Verdict {
        DmarcMissing.judge(&Snapshot::Zone(zone.clone()))
    }

    fn asked(zone: &ZoneSnapshot) -> Vec<String> {
        let mut names = Vec::new();
        DmarcMissing.refer(zone, &mut |name| names.push(name.to_owned()));
        names
    }

    /// The fleet holds this text at `name`; without one, it knows that nothing is there.
    fn answer(zone: &mut ZoneSnapshot, name: &str, text: Option<&str>) {
        let text = text.map(|text| Record::new(name, RecordType::Txt, text));
        let reference = Reference { records: text.into_iter().collect(), is_complete: true };
        zone.references.insert(name.to_owned(), reference);
    }

    #[test]
    fn fires_for_each_mail_domain_without_a_policy() {
        let zone = zone(
            "example.com",
            "@           MX  10 mail.example.com
             _dmarc      TXT v=dmarc1; p=reject
             shop        MX  10 mail.example.com
             _dmarc.shop TXT v=DMARC1; p=none
             a.shop      MX  10 mail.example.com
             two         MX  10 mail.example.com
             _dmarc.two  TXT v=DMARC1; p=none
             _dmarc.two  TXT v=DMARC1; p=reject",
        );
        let findings = judge(&zone).into_findings();
        let subjects: Vec<&str> = findings.iter().map(|f| f.subject.as_str()).collect();
        assert_eq!(subjects, ["example.com", "two.example.com"]);
        assert_eq!(findings[0].evidence, r#"{"asked":["_dmarc.example.com","_dmarc.com"]}"#);
    }

    #[test]
    fn silent_without_mail_or_with_a_policy_above() {
        assert_eq!(judge(&zone("example.com", "@ MX 0 .\nwww A 192.0.2.1")), {
            Verdict::NotApplicable
        });
        let lines = "a.b MX 1 mail.example.com\n_dmarc TXT v=DMARC1; p=reject";
        assert_eq!(judge(&zone("example.com", lines)), Verdict::Pass);

        let mut gov = zone("example.gov", "@ MX 1 mail.example.gov");
        assert_eq!(asked(&gov), ["_dmarc.gov"]);
        answer(&mut gov, "_dmarc.gov", Some("v=DMARC1; p=none; psd=y"));
        assert_eq!(judge(&gov), Verdict::Pass);
    }

    #[test]
    fn an_ancestor_outside_the_fleet_is_unknown_below_the_public_suffix() {
        let mut zone = zone("a.b.example.co.uk", "@ MX 1 mail.example.com");
        let unknown = Verdict::unknown(UnknownReason::LeavesFleet);
        assert_eq!(judge(&zone), unknown);
        let names =
            ["b.example.co.uk", "example.co.uk", "co.uk", "uk"].map(|n| format!("_dmarc.{n}"));
        assert_eq!(asked(&zone), names);

        answer(&mut zone, &names[0], None);
        assert_eq!(judge(&zone), unknown);
        answer(&mut zone, &names[1], None);
        assert_eq!(judge(&zone).into_findings().len(), 1);
        answer(&mut zone, &names[1], Some("v=DMARC1; p=reject"));
        assert_eq!(judge(&zone), Verdict::Pass);
    }

    #[test]
    fn follows_an_alias_inside_the_fleet_only() {
        let lines = "@ MX 1 mail.example.com\n_dmarc CNAME policy.example.net";
        let mut zone = zone("example.com", lines);
        assert_eq!(judge(&zone), Verdict::unknown(UnknownReason::LeavesFleet));
        assert_eq!(asked(&zone), ["policy.example.net", "_dmarc.com"]);
        answer(&mut zone, "policy.example.net", Some("v=DMARC1; p=reject"));
        assert_eq!(judge(&zone), Verdict::Pass);
        answer(&mut zone, "policy.example.net", Some("other"));
        assert_eq!(judge(&zone).into_findings().len(), 1);
    }

    #[test]
    fn an_alias_at_a_public_suffix_that_leaves_the_fleet_is_unknown() {
        let mut zone = zone("example.gov", "@ MX 1 mail.example.gov");
        let alias = Record::new("_dmarc.gov", RecordType::Cname, "policy.example");
        let reference = Reference { records: [alias].into_iter().collect(), is_complete: true };
        zone.references.insert("_dmarc.gov".into(), reference);
        assert_eq!(judge(&zone), Verdict::unknown(UnknownReason::LeavesFleet));
        assert_eq!(asked(&zone), ["policy.example"]);
    }

    #[test]
    fn a_long_name_is_asked_for_eight_times() {
        let names: Vec<&str> = walk("9.8.7.6.5.4.3.2.1").collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[..2], ["9.8.7.6.5.4.3.2.1", "7.6.5.4.3.2.1"]);
        assert_eq!(walk("8.7.6.5.4.3.2.1").count(), 8);
        assert_eq!(walk("3.2.1").collect::<Vec<_>>(), ["3.2.1", "2.1", "1"]);
    }
}

//! `spf.missing`: a mail domain without SPF.
//!
//! For each owner of an MX that is not null: fires without a TXT that starts with `v=spf1` and a
//! space or the end, in any case (RFC 7208 §4.5). A CNAME is followed inside the fleet when the name
//! holds no TXT of its own; a chain that leaves the fleet gives `unknown`. Subject: the owner.

use serde_json::json;

use super::mail_domains::mail_domains;
use super::spf::is_spf;
use super::texts::texts;
use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Record, Severity, Snapshot, UnknownReason, Verdict,
    ZoneSnapshot,
};

pub(crate) struct SpfMissing;

static ABOUT: About = About {
    id: CheckId::new("spf.missing"),
    version: 1,
    title: "Mail domain without SPF",
    severity: Severity::High,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: true,
    remediation: "Publish an SPF record that ends with -all or ~all",
    reference: "RFC 7208 §4.5",
};

/// Evidence shows no more mail servers.
const SHOWN_MAX: usize = 5;

impl Check for SpfMissing {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        let mut findings = Vec::new();
        let (mut has_mail, mut leaves_fleet) = (false, false);
        for (owner, records) in mail_domains(zone) {
            has_mail = true;
            match has_spf(zone, owner, &mut |_| {}) {
                Some(true) => {}
                Some(false) => findings.push(missing(owner, records)),
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
            has_spf(zone, owner, ask);
        }
    }
}

/// None if the answer lies outside the fleet.
fn has_spf(zone: &ZoneSnapshot, owner: &str, ask: &mut dyn FnMut(&str)) -> Option<bool> {
    Some(texts(zone, owner, ask)?.into_iter().any(is_spf))
}

fn missing(owner: &str, records: &[Record]) -> Finding {
    let mail = records.iter().filter(|record| record.receives_mail());
    let mail: Vec<&str> = mail.take(SHOWN_MAX).map(|record| record.content.as_str()).collect();
    Finding::new(owner, ABOUT.severity, json!({ "mx": mail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::zone;
    use crate::model::Reference;

    fn judge(zone: &ZoneSnapshot) -> Verdict {
        SpfMissing.judge(&Snapshot::Zone(zone.clone()))
    }

    fn asked(zone: &ZoneSnapshot) -> Vec<String> {
        let mut names = Vec::new();
        SpfMissing.refer(zone, &mut |name| names.push(name.to_owned()));
        names
    }

    #[test]
    fn fires_for_each_mail_domain_without_spf() {
        let zone = zone(
            "@     MX   10 mail.example.com
             @     TXT  v=spf10 -all
             shop  MX   10 mail.example.com
             news  MX   10 mail.example.com
             news  TXT  V=SPF1 -all",
        );
        let findings = judge(&zone).into_findings();
        let subjects: Vec<&str> = findings.iter().map(|f| f.subject.as_str()).collect();
        assert_eq!(subjects, ["example.com", "shop.example.com"]);
        assert_eq!(findings[0].evidence, r#"{"mx":["mail.example.com"]}"#);
    }

    #[test]
    fn silent_without_mail_or_with_spf() {
        for (lines, verdict) in [
            ("www A 192.0.2.1", Verdict::NotApplicable),
            ("@ MX 0 .", Verdict::NotApplicable),
            ("@ MX 10 mail.example.com\n@ TXT v=spf1", Verdict::Pass),
        ] {
            assert_eq!(judge(&zone(lines)), verdict, "{lines}");
        }
    }

    #[test]
    fn follows_an_alias_inside_the_fleet_only() {
        let mut zone = zone("shop MX 10 mail.example.com\nshop CNAME mail.example.net");
        assert_eq!(asked(&zone), ["mail.example.net"]);
        assert_eq!(judge(&zone), Verdict::unknown(UnknownReason::LeavesFleet));

        let records = self::zone("mail.example.net. TXT v=spf1 -all").records;
        let reference = Reference { records, is_complete: true };
        zone.references.insert("mail.example.net".into(), reference);
        assert_eq!(judge(&zone), Verdict::Pass);
        assert!(asked(&zone).is_empty());

        let empty = Reference { is_complete: true, ..Reference::default() };
        zone.references.insert("mail.example.net".into(), empty);
        assert_eq!(judge(&zone).into_findings().len(), 1);
    }

    #[test]
    fn an_alias_that_leads_to_itself_ends() {
        let zone = zone("a MX 10 mail.example.com\na CNAME a.example.com");
        assert_eq!(judge(&zone), Verdict::unknown(UnknownReason::LeavesFleet));
    }
}

//! `dns.private_address`: a private or reserved address in a public zone.
//!
//! Fires for an A or AAAA with a special-purpose address (RFC 6890; see `special_purpose`). Medium
//! for 127.0.0.0/8 and at a wildcard, where every name answers with it. Not for a proxied record,
//! whose address is never served (192.0.2.1 stands for "no origin"), nor with private routing, in
//! an internal zone, or where the owner starts with `_`. Subject: `owner TYPE address`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::json;

use super::special_purpose::special_purpose;
use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Record, RecordType, Severity, Snapshot, Verdict, ZoneKind,
};

pub(crate) struct DnsPrivateAddress;

static ABOUT: About = About {
    id: CheckId::new("dns.private_address"),
    version: 1,
    title: "Private or reserved address in a public zone",
    severity: Severity::Low,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: false,
    remediation: "Move the record to an internal zone or to a split horizon",
    reference: "RFC 6890",
};

impl Check for DnsPrivateAddress {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        if zone.state.kind == Some(ZoneKind::Internal) {
            return Verdict::NotApplicable;
        }
        let mut findings: Vec<Finding> = zone.records.iter().filter_map(special).collect();
        // The same address with two TTLs is two records of a source, and one subject.
        findings.dedup_by(|next, kept| next.subject == kept.subject);
        Verdict::of(findings)
    }
}

fn special(record: &Record) -> Option<Finding> {
    let address = match record.kind {
        RecordType::A => IpAddr::V4(record.content.parse::<Ipv4Addr>().ok()?),
        RecordType::Aaaa => IpAddr::V6(record.content.parse::<Ipv6Addr>().ok()?),
        _ => return None,
    };
    if record.is_proxied() || record.private_routing || record.name.starts_with('_') {
        return None;
    }
    let block = special_purpose(address)?;
    let is_worse = block.is_ipv4_loopback() || record.name.starts_with("*.");
    let severity = if is_worse { Severity::Medium } else { ABOUT.severity };
    let subject = format!("{} {} {}", record.name, record.kind, record.content);
    let evidence = json!({ "block": block.to_string(), "purpose": block.name });
    Some(Finding::new(subject, severity, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::{UnknownReason, ZoneSnapshot};

    fn judge(zone: ZoneSnapshot) -> Verdict {
        DnsPrivateAddress.judge(&Snapshot::Zone(zone))
    }

    /// A zone whose one record is changed.
    fn changed(line: &str, change: impl Fn(&mut Record)) -> ZoneSnapshot {
        let mut zone = zone(line);
        let mut records = zone.records.into_vec();
        records.iter_mut().for_each(change);
        zone.records = records.into_iter().collect();
        zone
    }

    #[test]
    fn fires_for_each_address() {
        let zone =
            zone("a A 10.0.0.1\na A 192.168.0.1\na A 1.1.1.1\nb AAAA fd00::1\nb AAAA 2606:4700::1");
        let findings = judge(zone).into_findings();
        let subjects: Vec<&str> = findings.iter().map(|f| f.subject.as_str()).collect();
        assert_eq!(
            subjects,
            [
                "a.example.com A 10.0.0.1",
                "a.example.com A 192.168.0.1",
                "b.example.com AAAA fd00::1"
            ]
        );
        assert_eq!(findings[0].evidence, r#"{"block":"10.0.0.0/8","purpose":"Private-Use"}"#);
    }

    #[test]
    fn loopback_and_wildcards_are_worse() {
        for (line, severity) in [
            ("a A 10.0.0.1", Severity::Low),
            ("a AAAA ::1", Severity::Low),
            ("a A 127.0.0.53", Severity::Medium),
            ("* A 10.0.0.1", Severity::Medium),
        ] {
            assert_eq!(judge(zone(line)).into_findings()[0].severity, severity, "{line}");
        }
    }

    #[test]
    fn silent_for_public_addresses_and_other_types() {
        for line in ["a A 1.1.1.1", "_a A 10.0.0.1", "a TXT 10.0.0.1", "a A not-an-address"] {
            assert_eq!(judge(zone(line)), Verdict::Pass, "{line}");
        }
    }

    #[test]
    fn silent_where_nobody_outside_sees_the_address() {
        let line = "a A 192.0.2.1";
        let proxied = changed(line, |record| record.proxied = Some(true));
        let routed = changed(line, |record| record.private_routing = true);
        assert_eq!((judge(proxied), judge(routed)), (Verdict::Pass, Verdict::Pass));
        let direct = changed(line, |record| record.proxied = Some(false));
        assert_eq!(judge(direct).into_findings().len(), 1);
        let mut internal = zone(line);
        internal.state.kind = Some(ZoneKind::Internal);
        assert_eq!(judge(internal), Verdict::NotApplicable);
    }

    #[test]
    fn an_address_with_two_ttls_is_one_subject() {
        let mut zone = zone("a A 10.0.0.1");
        let mut records = zone.records.into_vec();
        records.push(Record { ttl: Some(300), ..records[0].clone() });
        zone.records = records.into_iter().collect();
        assert_eq!(zone.records.len(), 2);
        assert_eq!(judge(zone).into_findings().len(), 1);
    }

    #[test]
    fn partial_records_are_found_in_but_prove_nothing() {
        for (line, found) in [("a A 10.0.0.1", 1), ("a A 1.1.1.1", 0)] {
            let mut zone = zone(line);
            zone.records_complete = false;
            let verdict = evaluate(&DnsPrivateAddress, &Snapshot::Zone(zone));
            let Verdict::Unknown { reason, findings } = verdict else { panic!("{verdict:?}") };
            assert_eq!((reason, findings.len()), (UnknownReason::Partial, found));
        }
    }
}

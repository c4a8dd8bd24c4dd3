//! `dns.cname_coexists`: a CNAME next to other data.
//!
//! Fires when an owner has a CNAME and a record of any other type but RRSIG and NSEC, or two CNAMEs
//! (RFC 1034 §3.6.2, RFC 2181 §10.1). Servers refuse such zones or answer from either record. Not
//! at the apex of a zone whose provider flattens it. Subject: the owner.

use serde_json::json;

use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Record, RecordType, Severity, Snapshot, Verdict,
};

pub(crate) struct DnsCnameCoexists;

static ABOUT: About = About {
    id: CheckId::new("dns.cname_coexists"),
    version: 1,
    title: "CNAME next to other data",
    severity: Severity::Medium,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: false,
    remediation: "Keep either the CNAME or the other records of this name",
    reference: "RFC 1034 §3.6.2, RFC 2181 §10.1",
};

impl Check for DnsCnameCoexists {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        let flattened = |owner: &str| zone.state.flattens_apex && owner == zone.name;
        let owners = zone.records.owners().filter(|(owner, _)| !flattened(owner));
        Verdict::of(owners.filter_map(|(owner, records)| conflict(owner, records)).collect())
    }
}

fn conflict(owner: &str, records: &[Record]) -> Option<Finding> {
    if records.iter().all(|record| record.kind != RecordType::Cname) {
        return None;
    }
    let may_coexist = |kind: &RecordType| matches!(kind, RecordType::Rrsig | RecordType::Nsec);
    // A type counts once, but each target of a CNAME: two of them are a conflict by themselves.
    let mut sets: Vec<(&str, &str)> = Vec::new();
    for record in records.iter().filter(|record| !may_coexist(&record.kind)) {
        let is_alias = record.kind == RecordType::Cname;
        sets.push((record.kind.name(), if is_alias { &record.content } else { "" }));
    }
    sets.dedup(); // records are ordered by type, then content
    if sets.len() < 2 {
        return None;
    }
    let targets = sets.iter().filter(|(_, target)| !target.is_empty()).count();
    let mut types: Vec<&str> = sets.into_iter().map(|(kind, _)| kind).collect();
    types.dedup();
    Some(Finding::new(owner, ABOUT.severity, json!({ "targets": targets, "types": types })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::zone;

    fn judge(lines: &str) -> Verdict {
        DnsCnameCoexists.judge(&Snapshot::Zone(zone(lines)))
    }

    fn subjects(lines: &str) -> Vec<String> {
        judge(lines).into_findings().into_iter().map(|finding| finding.subject).collect()
    }

    #[test]
    fn fires_beside_other_data_and_beside_another_cname() {
        assert_eq!(subjects("www CNAME a.test\nwww A 192.0.2.1"), ["www.example.com"]);
        let lines = "www CNAME a.test\nwww CNAME b.test\nwww RRSIG CNAME 13 3";
        assert_eq!(subjects(lines), ["www.example.com"]);
        let findings = judge(lines).into_findings();
        assert_eq!(findings[0].evidence, r#"{"targets":2,"types":["CNAME"]}"#);
    }

    #[test]
    fn silent_for_a_lone_or_signed_cname_and_for_other_sets() {
        for lines in [
            "www CNAME a.test",
            "www CNAME a.test\nwww RRSIG CNAME 13 3",
            "www A 192.0.2.1\nwww A 192.0.2.2\nwww TXT hello",
            "www CNAME a.test\napi A 192.0.2.1",
        ] {
            assert_eq!(judge(lines), Verdict::Pass, "{lines}");
        }
    }

    #[test]
    fn a_cname_with_two_ttls_is_one() {
        let mut zone = zone("www CNAME a.test");
        let mut records = zone.records.into_vec();
        records.push(Record { ttl: Some(300), ..records[0].clone() });
        zone.records = records.into_iter().collect();
        assert_eq!(zone.records.len(), 2);
        assert_eq!(DnsCnameCoexists.judge(&Snapshot::Zone(zone)), Verdict::Pass);
    }

    #[test]
    fn silent_at_an_apex_that_the_provider_flattens() {
        let mut zone = zone("@ CNAME a.test\n@ MX 10 b.test\nwww CNAME a.test\nwww TXT x");
        zone.state.flattens_apex = true;
        let findings = DnsCnameCoexists.judge(&Snapshot::Zone(zone)).into_findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].subject, "www.example.com");
    }
}

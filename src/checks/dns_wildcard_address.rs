//! `dns.wildcard_address`: a wildcard answers for every name.
//!
//! Fires for an owner `*.x` with A, AAAA, CNAME or ALIAS (RFC 4592). Not for other types, nor in a
//! zone with the tag `wildcard-ok`. Subject: `owner TYPE`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::json;

use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, NamesBelow, Record, RecordType, Severity, Snapshot,
    Verdict, ZoneSnapshot,
};

pub(crate) struct DnsWildcardAddress;

static ABOUT: About = About {
    id: CheckId::new("dns.wildcard_address"),
    version: 1,
    title: "Wildcard answers for every name",
    severity: Severity::Medium,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: false,
    remediation: "List the names that are needed and delete the wildcard",
    reference: "RFC 4592",
};

/// Evidence shows no more contents of a wildcard.
const SHOWN_MAX: usize = 5;

impl Check for DnsWildcardAddress {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        if zone.state.has_tag("wildcard-ok") {
            return Verdict::NotApplicable;
        }
        if wildcards(zone).next().is_none() {
            return Verdict::Pass;
        }
        let explicit = explicit_names(zone);
        let findings = wildcards(zone).map(|(parent, set)| finding(set, &explicit[parent]));
        Verdict::of(findings.collect())
    }

    fn refer_below(&self, zone: &ZoneSnapshot, ask: &mut dyn FnMut(&str)) {
        if !zone.state.has_tag("wildcard-ok") {
            wildcards(zone).for_each(|(parent, _)| ask(parent));
        }
    }
}

/// Each parent of a wildcard with the wildcard's records of one type.
fn wildcards(zone: &ZoneSnapshot) -> impl Iterator<Item = (&str, &[Record])> {
    let owners = zone.records.owners();
    let wild = owners.filter_map(|(owner, records)| Some((owner.strip_prefix("*.")?, records)));
    let sets = wild.flat_map(|(parent, records)| {
        records.chunk_by(|left, right| left.kind == right.kind).map(move |set| (parent, set))
    });
    sets.filter(|(_, set)| leads_to_an_address(&set[0].kind))
}

fn leads_to_an_address(kind: &RecordType) -> bool {
    matches!(kind, RecordType::A | RecordType::Aaaa | RecordType::Cname | RecordType::Alias)
}

/// Names below the parents of the zone's wildcards that have records of their own.
fn explicit_names(zone: &ZoneSnapshot) -> Cow<'_, BTreeMap<String, NamesBelow>> {
    if let Some(shard) = &zone.shard {
        return Cow::Borrowed(&shard.below);
    }
    // One pass over the zone for all its wildcards.
    let parents = wildcards(zone).map(|(parent, _)| (parent.to_owned(), NamesBelow::default()));
    let mut below = parents.collect();
    zone.records.owners().for_each(|(owner, _)| NamesBelow::count(&mut below, owner));
    Cow::Owned(below)
}

fn finding(set: &[Record], explicit: &NamesBelow) -> Finding {
    let subject = format!("{} {}", set[0].name, set[0].kind);
    let contents: Vec<&str> = set.iter().take(SHOWN_MAX).map(|r| r.content.as_str()).collect();
    let names = json!({ "count": explicit.count, "first": explicit.first });
    Finding::new(subject, ABOUT.severity, json!({ "content": contents, "explicit_names": names }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::UnknownReason;

    fn judge(lines: &str) -> Verdict {
        DnsWildcardAddress.judge(&Snapshot::Zone(zone(lines)))
    }

    #[test]
    fn fires_for_each_type_of_address() {
        let findings = judge(
            "*     A     192.0.2.1
             *     A     192.0.2.2
             *     AAAA  2001:db8::1
             *     TXT   hello
             *.dev CNAME a.test
             x.dev A     192.0.2.1
             *.old ALIAS a.test",
        )
        .into_findings();
        let subjects: Vec<&str> = findings.iter().map(|f| f.subject.as_str()).collect();
        let expected = ["*.dev.example.com CNAME", "*.example.com A", "*.example.com AAAA"];
        assert_eq!(subjects[..3], expected);
        assert_eq!(subjects[3..], ["*.old.example.com ALIAS"]);
        assert_eq!(
            findings[0].evidence,
            r#"{"content":["a.test"],"explicit_names":{"count":1,"first":["x.dev.example.com"]}}"#
        );
        let evidence: serde_json::Value =
            serde_json::from_str(&findings[1].evidence).expect("JSON");
        assert_eq!(evidence["content"], json!(["192.0.2.1", "192.0.2.2"]));
        assert_eq!(evidence["explicit_names"]["count"], 3, "with the other wildcards");
    }

    #[test]
    fn silent_without_a_wildcard_that_leads_to_an_address() {
        for lines in ["* TXT x\n* MX 1 mail.example.com\n* CAA 0 issue \";\"", "a.* A 192.0.2.1"] {
            assert_eq!(judge(lines), Verdict::Pass, "{lines}");
        }
    }

    #[test]
    fn silent_where_the_operator_wants_it() {
        let mut zone = zone("* A 192.0.2.1");
        zone.state.tags = vec!["wildcard-ok".into()];
        assert_eq!(DnsWildcardAddress.judge(&Snapshot::Zone(zone)), Verdict::NotApplicable);
    }

    #[test]
    fn partial_records_are_found_in_but_prove_nothing() {
        for (line, found) in [("* A 192.0.2.1", 1), ("a A 192.0.2.1", 0)] {
            let mut zone = zone(line);
            zone.records_complete = false;
            let verdict = evaluate(&DnsWildcardAddress, &Snapshot::Zone(zone));
            let Verdict::Unknown { reason, findings } = verdict else { panic!("{verdict:?}") };
            assert_eq!((reason, findings.len()), (UnknownReason::Partial, found));
        }
    }
}

//! `spf.pass_all`: everyone may send.
//!
//! Fires for an SPF record with `all` that passes (`+`, or no qualifier) before any other `all`, or
//! with passing `ip4` or `ip6` networks that hold half of all addresses of their family together
//! (RFC 7208 §5.1, §5.6); also if the record is invalid elsewhere. Any `all` ends the record.
//! Subject: the owner.

use serde_json::{Value, json};

use super::spf::{cover_half, ip4, ip6, qualified, spf_records, terms};
use super::texts::excerpt;
use super::{About, Check, Judges};
use crate::model::{AssetKind, CheckId, Facet, Finding, Severity, Snapshot, Verdict};

pub(crate) struct SpfPassAll;

static ABOUT: About = About {
    id: CheckId::new("spf.pass_all"),
    version: 1,
    title: "SPF lets everyone send",
    severity: Severity::Critical,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: false,
    remediation: "End the SPF record with -all or ~all and list only your own senders",
    reference: "RFC 7208 §5.1, §5.6",
};

impl Check for SpfPassAll {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        let mut findings = Vec::new();
        let mut has_spf = false;
        for (owner, records) in zone.records.owners() {
            let spf = spf_records(records);
            has_spf |= !spf.is_empty();
            if let Some(evidence) = spf.into_iter().find_map(passes_all) {
                findings.push(Finding::new(owner, ABOUT.severity, evidence));
            }
        }
        if has_spf { Verdict::of(findings) } else { Verdict::NotApplicable }
    }
}

/// How a record passes everyone, as evidence: the term, or the mechanism whose networks are wide.
fn passes_all(record: &str) -> Option<Value> {
    let (mut of_ip4, mut of_ip6) = (Vec::new(), Vec::new());
    for term in terms(record) {
        let (passes, mechanism) = qualified(term);
        if mechanism.eq_ignore_ascii_case("all") {
            if passes {
                return Some(json!({ "record": excerpt(record), "term": term }));
            }
            break;
        }
        if passes {
            of_ip4.extend(ip4(mechanism));
            of_ip6.extend(ip6(mechanism));
        }
    }
    let wide = [("ip4", of_ip4), ("ip6", of_ip6)].into_iter().find(|(_, set)| cover_half(set));
    wide.map(|(mechanism, _)| json!({ "record": excerpt(record), "wide": mechanism }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::UnknownReason;

    fn judge(spf: &str) -> Verdict {
        SpfPassAll.judge(&Snapshot::Zone(zone(&format!("@ TXT v=spf1 {spf}"))))
    }

    #[test]
    fn fires_for_an_all_that_passes() {
        for (spf, term) in [("+all", "+all"), ("mx ALL", "ALL"), ("- all", "all")] {
            let findings = judge(spf).into_findings();
            assert_eq!(findings.len(), 1, "{spf}");
            assert_eq!(findings[0].subject, "example.com");
            let evidence: Value = serde_json::from_str(&findings[0].evidence).expect("JSON");
            assert_eq!(evidence["term"], term);
        }
    }

    #[test]
    fn fires_for_networks_that_hold_half_of_all_addresses() {
        for spf in [
            "ip4:0.0.0.0/0 -all",
            "ip4:0.0.0.0/2 +IP4:64.0.0.0/2 -all",
            "ip6:::/1 ~all",
            "ip4:10.0.0.0/33 bogus ip4:0.0.0.0/1",
        ] {
            assert_eq!(judge(spf).into_findings().len(), 1, "{spf}");
        }
    }

    #[test]
    fn silent_where_another_all_comes_first_or_the_networks_are_small() {
        for spf in [
            "-all",
            "~all +all",
            "?all all",
            "-all ip4:0.0.0.0/0",
            "-ip4:0.0.0.0/0 -all",
            "ip4:0.0.0.0/2 ip4:0.0.0.0/2 -all",
            "ip4:0.0.0.0/2 ip6:::/2 -all",
            "include:all a:all exists:all all.example.com +all/0",
        ] {
            assert_eq!(judge(spf), Verdict::Pass, "{spf}");
        }
        let no_spf = Snapshot::Zone(zone("@ TXT all"));
        assert_eq!(SpfPassAll.judge(&no_spf), Verdict::NotApplicable);
    }

    #[test]
    fn partial_records_are_found_in_but_prove_nothing() {
        for (lines, found) in [("@ TXT v=spf1 +all", 1), ("@ TXT v=spf1 -all", 0)] {
            let mut zone = zone(lines);
            zone.records_complete = false;
            let verdict = evaluate(&SpfPassAll, &Snapshot::Zone(zone));
            let Verdict::Unknown { reason, findings } = verdict else { panic!("{verdict:?}") };
            assert_eq!((reason, findings.len()), (UnknownReason::Partial, found));
        }
    }
}

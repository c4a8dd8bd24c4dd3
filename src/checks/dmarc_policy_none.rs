//! `dmarc.policy_none`: a DMARC policy that does not enforce.
//!
//! Fires where the one DMARC record at a `_dmarc` name has the effective policy `none`: by `p`,
//! which is `none` also when it is absent or unknown, or by the test mode `t=y`, which lowers
//! `quarantine` (RFC 9989 §4.7). Subject: the owner of the record.

use serde_json::json;

use super::dmarc::{Handling, Policy, dmarc_record};
use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Record, RecordType, Severity, Snapshot, Verdict,
};

pub(crate) struct DmarcPolicyNone;

static ABOUT: About = About {
    id: CheckId::new("dmarc.policy_none"),
    version: 1,
    title: "DMARC policy does not enforce",
    severity: Severity::Medium,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: false,
    remediation: "Raise the policy to quarantine, then to reject, as the reports allow",
    reference: "RFC 9989 §4.7",
};

impl Check for DmarcPolicyNone {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        let mut findings = Vec::new();
        let mut has_policy = false;
        for (owner, records) in zone.records.owners().filter(|(o, _)| o.starts_with("_dmarc.")) {
            let Some(record) = dmarc_record(texts(records)) else { continue };
            has_policy = true;
            let policy = Policy::of(record);
            if policy.domain == Handling::None {
                findings.push(not_enforced(owner, policy));
            }
        }
        if has_policy { Verdict::of(findings) } else { Verdict::NotApplicable }
    }
}

fn texts(records: &[Record]) -> impl Iterator<Item = &str> {
    let texts = records.iter().filter(|record| record.kind == RecordType::Txt);
    texts.map(|record| record.content.as_str())
}

fn not_enforced(owner: &str, policy: Policy) -> Finding {
    let Policy { domain, subdomains, nonexistent } = policy;
    let evidence = json!({ "p": domain.name(), "sp": subdomains.name(), "np": nonexistent.name() });
    Finding::new(owner, ABOUT.severity, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::UnknownReason;

    fn judge(lines: &str) -> Verdict {
        DmarcPolicyNone.judge(&Snapshot::Zone(zone(lines)))
    }

    #[test]
    fn fires_where_nothing_is_enforced() {
        for tags in ["p=none", "rua=mailto:a@b.test", "p=bogus", "p=quarantine; t=y"] {
            let findings = judge(&format!("_dmarc TXT v=DMARC1; {tags}")).into_findings();
            assert_eq!(findings.len(), 1, "{tags}");
            assert_eq!(findings[0].subject, "_dmarc.example.com");
        }
        let findings = judge("_dmarc.a TXT v=DMARC1; p=none; sp=reject").into_findings();
        assert_eq!(findings[0].evidence, r#"{"np":"reject","p":"none","sp":"reject"}"#);
    }

    #[test]
    fn silent_where_the_policy_enforces() {
        for tags in ["p=quarantine", "p=reject; t=y", "p=REJECT"] {
            assert_eq!(judge(&format!("_dmarc TXT v=DMARC1; {tags}")), Verdict::Pass, "{tags}");
        }
    }

    #[test]
    fn silent_without_the_one_record_at_a_dmarc_name() {
        for lines in [
            "@ TXT v=DMARC1; p=none",
            "_dmarc TXT v=dmarc1; p=none",
            "_dmarc TXT v=DMARC1; p=none\n_dmarc TXT v=DMARC1; p=reject",
            "_dmarc CNAME _dmarc.example.net",
        ] {
            assert_eq!(judge(lines), Verdict::NotApplicable, "{lines}");
        }
    }

    #[test]
    fn partial_records_are_found_in_but_prove_nothing() {
        for (tags, found) in [("p=none", 1), ("p=reject", 0)] {
            let mut zone = zone(&format!("_dmarc TXT v=DMARC1; {tags}"));
            zone.records_complete = false;
            let verdict = evaluate(&DmarcPolicyNone, &Snapshot::Zone(zone));
            let Verdict::Unknown { reason, findings } = verdict else { panic!("{verdict:?}") };
            assert_eq!((reason, findings.len()), (UnknownReason::Partial, found));
        }
    }
}

//! `spf.multiple`: more than one SPF record.
//!
//! Fires for two or more different SPF records at one owner: receivers give up with permerror
//! (RFC 7208 §3.2, §4.5). The same text twice is one record. Subject: the owner.

use serde_json::json;

use super::spf::spf_records;
use super::texts::excerpt;
use super::{About, Check, Judges};
use crate::model::{AssetKind, CheckId, Facet, Finding, Severity, Snapshot, Verdict};

pub(crate) struct SpfMultiple;

static ABOUT: About = About {
    id: CheckId::new("spf.multiple"),
    version: 1,
    title: "More than one SPF record",
    severity: Severity::High,
    asset: AssetKind::Zone,
    judges: Judges::Owners,
    needs: &[Facet::Records],
    fires_on_absence: false,
    remediation: "Merge the SPF records of this name into one",
    reference: "RFC 7208 §3.2, §4.5",
};

/// Evidence shows no more of them.
const SHOWN_MAX: usize = 4;

impl Check for SpfMultiple {
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
            if spf.len() > 1 {
                let shown: Vec<_> = spf.iter().take(SHOWN_MAX).map(|spf| excerpt(spf)).collect();
                let evidence = json!({ "count": spf.len(), "records": shown });
                findings.push(Finding::new(owner, ABOUT.severity, evidence));
            }
        }
        if has_spf { Verdict::of(findings) } else { Verdict::NotApplicable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::UnknownReason;

    fn judge(lines: &str) -> Verdict {
        SpfMultiple.judge(&Snapshot::Zone(zone(lines)))
    }

    #[test]
    fn fires_for_different_records_of_one_owner() {
        let findings = judge("@ TXT v=spf1 -all\n@ TXT V=spf1\n@ TXT other").into_findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].subject, "example.com");
        assert_eq!(findings[0].evidence, r#"{"count":2,"records":["V=spf1","v=spf1 -all"]}"#);
    }

    #[test]
    fn silent_for_one_record_and_for_other_texts() {
        for lines in ["@ TXT v=spf1 -all\n@ TXT v=spf10 a", "@ TXT v=spf1\nwww TXT v=spf1 -all"] {
            assert_eq!(judge(lines), Verdict::Pass, "{lines}");
        }
        assert_eq!(judge("@ TXT a\n@ TXT b"), Verdict::NotApplicable);
    }

    #[test]
    fn the_same_text_twice_is_one_record() {
        let mut zone = zone("@ TXT v=spf1 -all");
        let mut records = zone.records.into_vec();
        records.push(crate::model::Record { ttl: Some(300), ..records[0].clone() });
        zone.records = records.into_iter().collect();
        assert_eq!(zone.records.len(), 2);
        assert_eq!(SpfMultiple.judge(&Snapshot::Zone(zone)), Verdict::Pass);
    }

    #[test]
    fn partial_records_are_found_in_but_prove_nothing() {
        for (lines, found) in [("@ TXT v=spf1\n@ TXT v=spf1 -all", 1), ("@ TXT v=spf1", 0)] {
            let mut zone = zone(lines);
            zone.records_complete = false;
            let verdict = evaluate(&SpfMultiple, &Snapshot::Zone(zone));
            let Verdict::Unknown { reason, findings } = verdict else { panic!("{verdict:?}") };
            assert_eq!((reason, findings.len()), (UnknownReason::Partial, found));
        }
    }
}

//! `zone.tls_min_version`: TLS 1.0 or 1.1 is accepted.
//!
//! Fires where the setting `min_tls_version` is 1.0 or 1.1 and a record is proxied: only then does
//! the provider speak TLS for the zone (RFC 8996, RFC 9325 §3.1.1). `unknown` if the source states
//! no version, or no record's proxy flag. Subject: the apex.

use serde_json::json;

use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Record, Severity, Snapshot, TlsVersion, UnknownReason,
    Verdict, VerdictKind,
};

pub(crate) struct ZoneTlsMinVersion;

static ABOUT: About = About {
    id: CheckId::new("zone.tls_min_version"),
    version: 1,
    title: "TLS 1.0 or 1.1 is accepted",
    severity: Severity::Medium,
    asset: AssetKind::Zone,
    judges: Judges::Asset,
    needs: &[Facet::Settings, Facet::Records],
    fires_on_absence: false,
    remediation: "Set the minimum TLS version to 1.2 or 1.3",
    reference: "RFC 8996, RFC 9325 §3.1.1",
};

/// No record of a snapshot, which has some, says whether it is proxied.
const STATED_NOWHERE: UnknownReason = UnknownReason::Lacks(Facet::Records);

impl Check for ZoneTlsMinVersion {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Zone(zone) = snapshot else { return Verdict::NotApplicable };
        let version = zone.settings.as_ref().and_then(|settings| settings.min_tls_version);
        let Some(version) = version else {
            return Verdict::unknown(UnknownReason::Lacks(Facet::Settings));
        };
        if version >= TlsVersion::V1_2 {
            return Verdict::Pass;
        }
        if zone.records.iter().any(Record::is_proxied) {
            let evidence = json!({ "min_tls_version": version.name() });
            return Verdict::of(vec![Finding::new(&zone.name, ABOUT.severity, evidence)]);
        }
        let is_stated = zone.records.is_empty() || zone.records.iter().any(|r| r.proxied.is_some());
        if is_stated { Verdict::NotApplicable } else { Verdict::unknown(STATED_NOWHERE) }
    }

    /// One proxied record is enough, and one whose flag is stated.
    fn merge(&self, shards: &[VerdictKind]) -> VerdictKind {
        let states = |kind: &&VerdictKind| **kind != VerdictKind::Unknown(STATED_NOWHERE);
        let stating = shards.iter().filter(states).copied().reduce(VerdictKind::and);
        stating.unwrap_or(VerdictKind::Unknown(STATED_NOWHERE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{evaluate, zone};
    use crate::model::{ZoneSettings, ZoneSnapshot};

    /// A zone with this setting and one record with this proxy flag.
    fn case(version: Option<TlsVersion>, proxied: Option<bool>) -> ZoneSnapshot {
        let mut zone = zone("www A 192.0.2.1");
        zone.settings = Some(ZoneSettings { min_tls_version: version, ..Default::default() });
        let mut records = zone.records.into_vec();
        records[0].proxied = proxied;
        zone.records = records.into_iter().collect();
        zone
    }

    fn judge(zone: ZoneSnapshot) -> Verdict {
        evaluate(&ZoneTlsMinVersion, &Snapshot::Zone(zone))
    }

    #[test]
    fn fires_for_an_old_version_at_the_proxy() {
        for version in [TlsVersion::V1_0, TlsVersion::V1_1] {
            let findings = judge(case(Some(version), Some(true))).into_findings();
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].subject, "example.com");
            let evidence = format!(r#"{{"min_tls_version":"{}"}}"#, version.name());
            assert_eq!(findings[0].evidence, evidence);
        }
    }

    #[test]
    fn silent_for_a_current_version_or_without_a_proxied_record() {
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            assert_eq!(judge(case(Some(version), Some(true))), Verdict::Pass);
        }
        let direct = case(Some(TlsVersion::V1_0), Some(false));
        assert_eq!(judge(direct), Verdict::NotApplicable);
        let mut empty = case(Some(TlsVersion::V1_0), None);
        empty.records = Default::default();
        assert_eq!(judge(empty), Verdict::NotApplicable);
    }

    #[test]
    fn unknown_without_the_setting_or_the_proxy_flag() {
        let lacks = |facet| Verdict::unknown(UnknownReason::Lacks(facet));
        assert_eq!(judge(zone("www A 192.0.2.1")), lacks(Facet::Settings));
        assert_eq!(judge(case(None, Some(true))), lacks(Facet::Settings));
        assert_eq!(judge(case(Some(TlsVersion::V1_0), None)), lacks(Facet::Records));
    }

    #[test]
    fn partial_records_are_found_in_but_prove_nothing() {
        for (proxied, found) in [(true, 1), (false, 0)] {
            let mut zone = case(Some(TlsVersion::V1_1), Some(proxied));
            zone.records_complete = false;
            let verdict = judge(zone);
            let Verdict::Unknown { reason, findings } = verdict else { panic!("{verdict:?}") };
            assert_eq!((reason, findings.len()), (UnknownReason::Partial, found));
        }
    }
}

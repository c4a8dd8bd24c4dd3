//! What one scan yields, and what decides whether it still counts.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::{
    AssetId, CheckId, ConfigVersion, Finding, Measured, ScanSequence, UnixTime, UnknownReason,
    Verdict,
};

/// Orders the scans of one asset. An outcome applies if its fence is strictly greater than the
/// last one applied; equal is a duplicate, lower is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    pub config_version: ConfigVersion,
    pub sequence: ScanSequence,
}

/// What is known of a scan apart from what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    pub asset: AssetId,
    pub fence: Fence,
    /// When its event was emitted.
    pub scheduled_at: UnixTime,
    /// Time of its checks.
    pub duration: Duration,
    pub records: u32,
    /// What scans of the asset cost, as of this one; None: nobody measured.
    pub measured: Option<Measured>,
}

/// What a scan yields. Made by the operator `check`, applied by a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub scan: Scan,
    pub scope: Scope,
    pub findings: BTreeMap<(CheckId, String), Finding>,
    pub unknown: BTreeMap<CheckId, UnknownReason>,
    /// Equal digests of two outcomes mean equal effect. None if not every check was asked.
    pub digest: Option<Digest>,
}

/// The verdict of one check, with what a digest has to know of the check.
#[derive(Clone, Debug)]
pub struct Judged {
    pub check: CheckId,
    pub version: u32,
    pub verdict: Verdict,
}

impl Outcome {
    /// `full` says that every check of the asset's kind was asked.
    pub fn new(scan: Scan, judged: Vec<Judged>, full: bool) -> Outcome {
        let digest = full.then(|| Digest::of(&judged));
        let mut scope = Scope::default();
        let (mut findings, mut unknown) = (BTreeMap::new(), BTreeMap::new());
        for Judged { check, verdict, .. } in judged {
            match verdict {
                Verdict::Unknown { reason, .. } => drop(unknown.insert(check.clone(), reason)),
                Verdict::Disabled => scope.completed(&check, Resolution::CheckDisabled),
                _ => scope.completed(&check, Resolution::Fixed),
            }
            for finding in verdict.into_findings() {
                findings.insert((check.clone(), finding.subject.clone()), finding);
            }
        }
        Outcome { scan, scope, findings, unknown, digest }
    }

    /// What its findings take, about.
    pub fn bytes(&self) -> u64 {
        let bytes = |finding: &Finding| {
            size_of::<Finding>() + 2 * finding.subject.len() + finding.evidence.len()
        };
        self.findings.values().map(bytes).sum::<usize>() as u64
    }
}

/// What a scan completed. A finding is resolved only by an outcome whose scope covers it.
///
/// Outcomes of configuration changes will complete single owners of a check: then the pairs are
/// kept in here and only `resolution` knows of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeMap<CheckId, Resolution>);

/// Why an open finding that was not found again is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The check looked and did not find it.
    Fixed,
    /// The check is switched off for the asset: nobody looked.
    CheckDisabled,
}

impl Resolution {
    /// As it stands in the history.
    pub const fn name(self) -> &'static str {
        match self {
            Resolution::Fixed => "fixed",
            Resolution::CheckDisabled => "check_disabled",
        }
    }
}

impl FromIterator<(CheckId, Resolution)> for Scope {
    fn from_iter<T: IntoIterator<Item = (CheckId, Resolution)>>(completed: T) -> Scope {
        Scope(completed.into_iter().collect())
    }
}

impl Scope {
    /// What resolves the open findings of the check; None: they stay.
    pub fn resolution(&self, check: &CheckId) -> Option<Resolution> {
        self.0.get(check).copied()
    }

    /// The completed checks, by id.
    pub fn checks(&self) -> impl Iterator<Item = (&CheckId, Resolution)> {
        self.0.iter().map(|(check, resolution)| (check, *resolution))
    }

    fn completed(&mut self, check: &CheckId, resolution: Resolution) {
        self.0.insert(check.clone(), resolution);
    }
}

/// A sum of hashes, so that order does not matter: of every finding (key, severity, evidence) and
/// of every check's (id, version, kind of verdict). The kinds are in it because equal findings with
/// a check that became known differ in what they resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub u128);

impl Digest {
    fn of(judged: &[Judged]) -> Digest {
        let mut sum = 0u128;
        for Judged { check, version, verdict } in judged {
            let (kind, findings): (u8, &[Finding]) = match verdict {
                Verdict::Pass => (0, &[]),
                Verdict::NotApplicable => (1, &[]),
                Verdict::Fail(findings) => (2, findings),
                Verdict::Unknown { findings, .. } => (3, findings),
                Verdict::Disabled => (4, &[]),
            };
            let check = check.as_str().as_bytes();
            sum = sum.wrapping_add(hash(&[b"verdict", check, &version.to_le_bytes(), &[kind]]));
            for Finding { subject, severity, evidence } in findings {
                let severity = [*severity as u8];
                let (subject, evidence) = (subject.as_bytes(), evidence.as_bytes());
                sum = sum.wrapping_add(hash(&[b"finding", check, subject, &severity, evidence]));
            }
        }
        Digest(sum)
    }
}

/// Stored digests outlive the process: so an algorithm with a name, over bytes that we chose, each
/// part with its length.
fn hash(parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher24::new();
    for part in parts {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    fn judged(check: &'static str, verdict: Verdict) -> Judged {
        Judged { check: CheckId::new(check), version: 1, verdict }
    }

    fn finding(subject: &str) -> Finding {
        Finding { subject: subject.into(), severity: Severity::Low, evidence: "{}".into() }
    }

    fn outcome(judged: Vec<Judged>, full: bool) -> Outcome {
        let fence = Fence { config_version: ConfigVersion(1), sequence: ScanSequence(1) };
        let scan = Scan {
            asset: AssetId(1),
            fence,
            scheduled_at: UnixTime::from_micros(0),
            duration: Duration::ZERO,
            records: 0,
            measured: None,
        };
        Outcome::new(scan, judged, full)
    }

    #[test]
    fn unknown_is_outside_the_scope_and_keeps_its_findings() {
        let reason = UnknownReason::Partial;
        let verdict = Verdict::Unknown { reason, findings: vec![finding("seen")] };
        let outcome = outcome(vec![judged("a", verdict), judged("b", Verdict::Pass)], true);
        assert_eq!(outcome.scope.resolution(&CheckId::new("a")), None);
        assert_eq!(outcome.scope.resolution(&CheckId::new("b")), Some(Resolution::Fixed));
        assert_eq!(outcome.findings.len(), 1);
    }

    #[test]
    fn a_disabled_check_is_complete_and_changes_the_digest() {
        let disabled = outcome(vec![judged("a", Verdict::Disabled)], true);
        let resolution = disabled.scope.resolution(&CheckId::new("a"));
        assert_eq!(resolution, Some(Resolution::CheckDisabled));
        for verdict in [Verdict::Pass, Verdict::NotApplicable] {
            assert_ne!(disabled.digest, outcome(vec![judged("a", verdict)], true).digest);
        }
    }

    #[test]
    fn digest_ignores_order_and_sees_the_kind_of_verdict() {
        let fail = || judged("a", Verdict::Fail(vec![finding("x"), finding("y")]));
        let turned = || judged("a", Verdict::Fail(vec![finding("y"), finding("x")]));
        let pass = || judged("b", Verdict::Pass);
        let unknown = || judged("b", Verdict::unknown(UnknownReason::Panicked));

        let digest = outcome(vec![fail(), pass()], true).digest;
        assert_eq!(digest, outcome(vec![pass(), turned()], true).digest);
        assert_ne!(digest, outcome(vec![fail(), unknown()], true).digest);
        assert_eq!(outcome(vec![fail(), pass()], false).digest, None);
    }
}

//! What one scan yields, and what decides whether it still counts.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::iter::Sum;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::{
    AssetId, CheckId, ConfigVersion, Finding, Measured, ScanSequence, UnixTime, UnknownReason,
    Verdict, VerdictKind,
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
        let of_findings = |judged: &Judged| {
            let findings = judged.verdict.findings().iter();
            findings.map(|finding| Digest::of_finding(&judged.check, finding)).sum::<Digest>()
        };
        let digest = full.then(|| judged.iter().map(of_findings).sum());
        let kinds =
            judged.iter().map(|judged| (&judged.check, judged.version, judged.verdict.kind()));
        let Conclusion { scope, unknown, digest } = Conclusion::of(kinds, digest);
        let mut findings = BTreeMap::new();
        for Judged { check, verdict, .. } in judged {
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

/// What follows from the verdicts of a scan, apart from what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub scope: Scope,
    pub unknown: BTreeMap<CheckId, UnknownReason>,
    pub digest: Option<Digest>,
}

impl Conclusion {
    /// Of checks with their versions and verdicts, and the digest of all that was found; None if not
    /// every check of the asset's kind was asked.
    pub fn of<'c>(
        kinds: impl Iterator<Item = (&'c CheckId, u32, VerdictKind)>,
        findings: Option<Digest>,
    ) -> Conclusion {
        let mut conclusion =
            Conclusion { scope: Scope::default(), unknown: BTreeMap::new(), digest: findings };
        for (check, version, kind) in kinds {
            match kind {
                VerdictKind::Unknown(reason) => {
                    conclusion.unknown.insert(check.clone(), reason);
                }
                VerdictKind::Disabled => {
                    conclusion.scope.completed(check, Resolution::CheckDisabled);
                }
                VerdictKind::Pass | VerdictKind::NotApplicable | VerdictKind::Fail => {
                    conclusion.scope.completed(check, Resolution::Fixed);
                }
            }
            let digest = conclusion.digest.as_mut();
            digest.into_iter().for_each(|digest| *digest += Digest::of_kind(check, version, kind));
        }
        conclusion
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub u128);

impl Digest {
    pub fn of_finding(check: &CheckId, finding: &Finding) -> Digest {
        let Finding { subject, severity, evidence } = finding;
        let (subject, evidence) = (subject.as_bytes(), evidence.as_bytes());
        let check = check.as_str().as_bytes();
        Digest(hash(&[b"finding", check, subject, &[*severity as u8], evidence]))
    }

    fn of_kind(check: &CheckId, version: u32, kind: VerdictKind) -> Digest {
        let kind: u8 = match kind {
            VerdictKind::Pass => 0,
            VerdictKind::NotApplicable => 1,
            VerdictKind::Fail => 2,
            VerdictKind::Unknown(_) => 3,
            VerdictKind::Disabled => 4,
        };
        Digest(hash(&[b"verdict", check.as_str().as_bytes(), &version.to_le_bytes(), &[kind]]))
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Digest) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl Sum for Digest {
    fn sum<I: Iterator<Item = Digest>>(digests: I) -> Digest {
        digests.fold(Digest::default(), |mut sum, digest| {
            sum += digest;
            sum
        })
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

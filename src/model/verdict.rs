//! What one check says about one asset.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Facet;

/// Stable name of a check, such as `spf.missing`: a key in the database, never renamed or reused.
/// Ids of users' rules are read at run time, hence the `Cow`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckId(Cow<'static, str>);

impl CheckId {
    pub const fn new(id: &'static str) -> CheckId {
        CheckId(Cow::Borrowed(id))
    }

    /// An id that was read at run time.
    pub fn from_name(id: impl Into<String>) -> CheckId {
        CheckId(Cow::Owned(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The four answers, and none. Only `Unknown` leaves the findings that are already open as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The operator switched the check off for this asset: it was not asked.
    Disabled,
    Pass,
    NotApplicable,
    /// Every subject was judged, and these failed.
    Fail(Vec<Finding>),
    /// Some subject could not be judged. What was found on the others is reported all the same.
    Unknown {
        reason: UnknownReason,
        findings: Vec<Finding>,
    },
}

/// A verdict without its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerdictKind {
    Pass,
    NotApplicable,
    Fail,
    Unknown(UnknownReason),
    Disabled,
}

impl VerdictKind {
    /// Of two shards of an asset, `self` that with the first owners.
    #[must_use]
    pub fn and(self, next: VerdictKind) -> VerdictKind {
        use VerdictKind::{Disabled, Fail, NotApplicable, Pass, Unknown};
        match (self, next) {
            (Unknown(reason), _) | (_, Unknown(reason)) => Unknown(reason),
            (Disabled, Disabled) => Disabled,
            // The plan of its account changed meanwhile.
            (Disabled, _) | (_, Disabled) => Unknown(UnknownReason::Changed),
            (Fail, _) | (_, Fail) => Fail,
            (Pass, _) | (_, Pass) => Pass,
            (NotApplicable, NotApplicable) => NotApplicable,
        }
    }
}

impl Verdict {
    pub fn kind(&self) -> VerdictKind {
        match self {
            Verdict::Disabled => VerdictKind::Disabled,
            Verdict::Pass => VerdictKind::Pass,
            Verdict::NotApplicable => VerdictKind::NotApplicable,
            Verdict::Fail(_) => VerdictKind::Fail,
            Verdict::Unknown { reason, .. } => VerdictKind::Unknown(*reason),
        }
    }

    /// The verdict of a check that judged every subject.
    pub fn of(findings: Vec<Finding>) -> Verdict {
        if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
    }

    pub fn unknown(reason: UnknownReason) -> Verdict {
        Verdict::Unknown { reason, findings: Vec::new() }
    }

    /// Whether findings of this check that were not seen again are resolved.
    pub fn is_complete(&self) -> bool {
        !matches!(self, Verdict::Unknown { .. })
    }

    pub fn findings(&self) -> &[Finding] {
        match self {
            Verdict::Disabled | Verdict::Pass | Verdict::NotApplicable => &[],
            Verdict::Fail(findings) | Verdict::Unknown { findings, .. } => findings,
        }
    }

    pub fn into_findings(self) -> Vec<Finding> {
        match self {
            Verdict::Disabled | Verdict::Pass | Verdict::NotApplicable => Vec::new(),
            Verdict::Fail(findings) | Verdict::Unknown { findings, .. } => findings,
        }
    }
}

/// Why a check gave no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// The snapshot does not say anything about this part of the configuration.
    Lacks(Facet),
    /// The snapshot holds only some of the records.
    Partial,
    /// An alias leads to a name that no zone of the fleet contains, or an ancestor is such a name.
    LeavesFleet,
    /// The check itself failed.
    Panicked,
    /// A shard of the asset could not be read.
    NotRead,
    /// The configuration changed while it was read in shards, twice; or what is asked of it.
    Changed,
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnknownReason::Lacks(facet) => write!(f, "lacks {facet}"),
            UnknownReason::Partial => f.write_str("partial"),
            UnknownReason::LeavesFleet => f.write_str("leaves the fleet"),
            UnknownReason::Panicked => f.write_str("panicked"),
            UnknownReason::NotRead => f.write_str("could not be read"),
            UnknownReason::Changed => f.write_str("changed while it was read"),
        }
    }
}

/// How bad a finding is; ordered.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    pub const fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A failure seen in one scan. Asset, check and subject identify it; severity and evidence are
/// attributes, so that a change of them is no new finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// An owner name, with type and data where one record of a set is meant; or an account's id.
    pub subject: String,
    pub severity: Severity,
    /// A JSON object as text: equal evidence is equal text, since its keys are sorted.
    pub evidence: String,
}

impl Finding {
    /// # Panics
    /// If the evidence is no JSON object.
    pub fn new(
        subject: impl Into<String>,
        severity: Severity,
        evidence: serde_json::Value,
    ) -> Finding {
        assert!(evidence.is_object(), "evidence is an object");
        Finding { subject: subject.into(), severity, evidence: evidence.to_string() }
    }
}

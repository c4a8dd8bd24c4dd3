//! Which checks are asked of whom, and how bad what they find is: the word of the operator, who may
//! know better than the checks. The section `[checks]` of the settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use super::{Check, evaluate, find};
use crate::model::{CheckId, Glob, Severity, Snapshot, Verdict};

/// What holds for all assets, and then for some. Without a word every check is asked, and severities
/// are the checks' own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Checks that nobody is asked. Default: none.
    #[serde(deserialize_with = "known")]
    pub disable: BTreeSet<CheckId>,
    /// The severity of all findings of a check, also of those that the check would raise. Default:
    /// none.
    #[serde(deserialize_with = "known_keys")]
    pub severity: BTreeMap<CheckId, Severity>,
    /// For some assets. Of those that speak of a check and fit an asset the last one wins. Default:
    /// none.
    #[serde(rename = "for", skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// What holds for the assets of a plan, of some accounts, or, with both, of these accounts on that
/// plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exception {
    /// That of a zone is its own, or else its account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The account's id at its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Glob>,
    #[serde(deserialize_with = "known")]
    pub disable: BTreeSet<CheckId>,
    #[serde(deserialize_with = "known")]
    pub enable: BTreeSet<CheckId>,
    #[serde(deserialize_with = "known_keys")]
    pub severity: BTreeMap<CheckId, Severity>,
}

impl Policy {
    /// [`evaluate`], unless the check is switched off for the asset, with the severity that is set.
    pub fn evaluate(&self, check: &dyn Check, snapshot: &Snapshot) -> Verdict {
        let id = &check.about().id;
        let mut is_enabled = !self.disable.contains(id);
        let mut severity = self.severity.get(id);
        // What speaks of the check is rare, and quicker to see than whom it fits.
        let speaks = |exception: &&Exception| exception.speaks_of(id);
        for exception in self.exceptions.iter().filter(speaks).filter(|e| e.fits(snapshot)) {
            is_enabled = match is_enabled {
                true => !exception.disable.contains(id),
                false => exception.enable.contains(id),
            };
            severity = exception.severity.get(id).or(severity);
        }
        if !is_enabled {
            return Verdict::Disabled;
        }
        let verdict = evaluate(check, snapshot);
        match severity {
            None => verdict,
            Some(severity) => with_severity(verdict, *severity),
        }
    }
}

impl Exception {
    fn speaks_of(&self, check: &CheckId) -> bool {
        self.disable.contains(check)
            || self.enable.contains(check)
            || self.severity.contains_key(check)
    }

    fn fits(&self, snapshot: &Snapshot) -> bool {
        self.plan.as_ref().is_none_or(|plan| plan == snapshot.plan())
            && self.account.as_ref().is_none_or(|account| account.matches(snapshot.account()))
    }
}

fn with_severity(mut verdict: Verdict, severity: Severity) -> Verdict {
    if let Verdict::Fail(findings) | Verdict::Unknown { findings, .. } = &mut verdict {
        findings.iter_mut().for_each(|finding| finding.severity = severity);
    }
    verdict
}

/// An id that this version has.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Known(CheckId);

impl TryFrom<String> for Known {
    type Error = super::UnknownCheck;

    fn try_from(id: String) -> Result<Known, Self::Error> {
        find(&id).map(|check| Known(check.about().id.clone()))
    }
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<CheckId>, D::Error> {
    let known = BTreeSet::<Known>::deserialize(deserializer)?;
    Ok(known.into_iter().map(|known| known.0).collect())
}

fn known_keys<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<CheckId, Severity>, D::Error> {
    let known = BTreeMap::<Known, Severity>::deserialize(deserializer)?;
    Ok(known.into_iter().map(|(known, severity)| (known.0, severity)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{dns_private_address::DnsPrivateAddress, zone};

    const PRIVATE: CheckId = CheckId::new("dns.private_address");

    fn snapshot(plan: &str, account: &str) -> Snapshot {
        let mut zone = zone("a A 10.0.0.1\nb A 127.0.0.1");
        (zone.plan, zone.account) = (plan.into(), account.into());
        Snapshot::Zone(zone)
    }

    /// None: disabled.
    fn severities(policy: &Policy, plan: &str, account: &str) -> Option<Vec<Severity>> {
        match policy.evaluate(&DnsPrivateAddress, &snapshot(plan, account)) {
            Verdict::Disabled => None,
            verdict => {
                Some(verdict.into_findings().iter().map(|finding| finding.severity).collect())
            }
        }
    }

    fn of(plan: Option<&str>, account: Option<&str>) -> Exception {
        let (plan, account) = (plan.map(str::to_owned), account.map(Glob::new));
        Exception { plan, account, ..Exception::default() }
    }

    #[test]
    fn a_severity_that_is_set_is_that_of_all_findings() {
        let mut policy = Policy::default();
        let own = Some(vec![Severity::Low, Severity::Medium]);
        assert_eq!(severities(&policy, "free", "a"), own, "the second is raised");
        policy.severity.insert(PRIVATE, Severity::Info);
        assert_eq!(severities(&policy, "free", "a"), Some(vec![Severity::Info; 2]));
    }

    #[test]
    fn the_last_exception_that_fits_and_speaks_of_the_check_wins() {
        let only = || BTreeSet::from([PRIVATE]);
        let policy = Policy {
            disable: only(),
            exceptions: vec![
                Exception { enable: only(), ..of(Some("pro"), None) },
                Exception {
                    disable: only(),
                    severity: [(PRIVATE, Severity::High)].into(),
                    ..of(None, Some("moj:*"))
                },
                Exception { enable: only(), ..of(Some("pro"), Some("moj:x")) },
                of(Some("pro"), None),
            ],
            ..Policy::default()
        };
        assert_eq!(severities(&policy, "free", "a"), None);
        assert_eq!(severities(&policy, "free", "moj:x"), None, "only one of two words fits");
        assert_eq!(severities(&policy, "pro", "a").map(|found| found.len()), Some(2));
        assert_eq!(severities(&policy, "pro", "moj:y"), None);
        assert_eq!(severities(&policy, "pro", "moj:x"), Some(vec![Severity::High; 2]));
    }
}

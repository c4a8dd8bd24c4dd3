//! Security checks, one a file.
//!
//! To add a check: write `checks/<id>.rs` (the dot becomes an underscore) with its tests, then add
//! its `mod` line and its entry in [`ALL`]. The compiler reports a check that is declared but not
//! listed (`dead_code`).

use crate::model::{
    AssetKind, CheckId, Facet, Severity, Snapshot, UnknownReason, Verdict, VerdictKind,
    ZoneSnapshot,
};

mod account_mfa_not_enforced;
mod caa_missing;
mod dmarc_missing;
mod dmarc_policy_none;
mod dns_cname_coexists;
mod dns_private_address;
mod dns_wildcard_address;
mod spf_missing;
mod spf_multiple;
mod spf_pass_all;
mod zone_tls_min_version;

mod policy;

// What several checks read.
mod dmarc;
mod mail_domains;
mod special_purpose;
mod spf;
mod texts;

pub use policy::{Exception, Policy};

/// The checks that a graph runs.
pub type Checks = &'static [&'static dyn Check];

/// Every check, in the order of the documentation.
pub const ALL: Checks = &[
    &spf_missing::SpfMissing,
    &spf_multiple::SpfMultiple,
    &spf_pass_all::SpfPassAll,
    &dmarc_missing::DmarcMissing,
    &dmarc_policy_none::DmarcPolicyNone,
    &dns_private_address::DnsPrivateAddress,
    &dns_cname_coexists::DnsCnameCoexists,
    &dns_wildcard_address::DnsWildcardAddress,
    &caa_missing::CaaMissing,
    &zone_tls_min_version::ZoneTlsMinVersion,
    &account_mfa_not_enforced::AccountMfaNotEnforced,
];

/// What people and databases are told of a check.
#[derive(Clone, Debug)]
pub struct About {
    /// Stable name: a key in the database, never renamed, never reused.
    pub id: CheckId,
    /// Raised when the same snapshot may get another verdict than before.
    pub version: u32,
    /// One line for people, without a full stop.
    pub title: &'static str,
    /// Of an ordinary finding; modifiers are named in the file of the check.
    pub severity: Severity,
    /// The kind of assets that it judges. Others are never asked.
    pub asset: AssetKind,
    pub judges: Judges,
    /// Without any of these the verdict is `unknown`, and `judge` is not called.
    pub needs: &'static [Facet],
    /// Whether it finds what is *not* there. Such a check says nothing about partial records.
    pub fires_on_absence: bool,
    /// What to do about a finding: one sentence without a full stop.
    pub remediation: &'static str,
    /// Where the rule comes from, such as `RFC 7208 §4.5`.
    pub reference: &'static str,
}

/// One question about an asset. Pure: the same snapshot gives the same verdict. Parameters are
/// fields of the implementing type. A panic becomes `unknown` for that asset.
pub trait Check: Send + Sync {
    fn about(&self) -> &'static About;

    /// The verdict on an asset of the right kind whose needed facets are known.
    fn judge(&self, snapshot: &Snapshot) -> Verdict;

    /// Asks for the names outside of the zone, or of its shard, that `judge` will look up with
    /// [`ZoneSnapshot::fleet_at`]. It is called again when some were answered, until it asks for
    /// nothing new: an alias leads from one answer to the next.
    fn refer(&self, _zone: &ZoneSnapshot, _ask: &mut dyn FnMut(&str)) {}

    /// Of a shard: asks for the names whose [`NamesBelow`](crate::model::NamesBelow) in the whole zone
    /// `judge` will look up.
    fn refer_below(&self, _zone: &ZoneSnapshot, _ask: &mut dyn FnMut(&str)) {}

    /// The verdict on an asset whose shards got these, at least one, in the order of their owners.
    fn merge(&self, shards: &[VerdictKind]) -> VerdictKind {
        shards.iter().copied().reduce(VerdictKind::and).unwrap_or(VerdictKind::NotApplicable)
    }
}

/// What the findings of a check are about, which decides how those of a zone's shards make one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judges {
    /// The asset as a whole. Of a shard it says what is to be said if there were nothing else; of shards
    /// that find the same subject the one with the first owners counts.
    Asset,
    /// Each owner name by itself, with what it asks for of others. No two owners have a subject in
    /// common.
    Owners,
}

/// No check of this version has the id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no check has the id `{}`: {}", id.escape_debug(), hint(near))]
pub struct UnknownCheck {
    pub id: String,
    /// Ids of the same group.
    pub near: Vec<&'static str>,
}

fn hint(near: &[&str]) -> String {
    match near {
        [] => "see `scanflow checks list`".to_owned(),
        near => format!("there is {}", near.join(", ")),
    }
}

/// The check with this id; the error names those that look like it.
pub fn find(id: &str) -> Result<&'static dyn Check, UnknownCheck> {
    let found = ALL.iter().find(|check| check.about().id.as_str() == id);
    found.copied().ok_or_else(|| {
        let ids = ALL.iter().map(|check| check.about().id.as_str());
        let group = |id: &str| id.split('.').next().map(str::to_owned);
        let near = ids.filter(|known| group(known) == group(id)).collect();
        UnknownCheck { id: id.to_owned(), near }
    })
}

/// Whether a check has anything to say about assets of this kind.
pub fn concerns(check: &dyn Check, kind: AssetKind) -> bool {
    check.about().asset == kind
}

/// Asks a check, with the rules that hold for all of them: a facet that is not known gives
/// `unknown`, and with partial records nothing is completed, only found.
pub fn evaluate(check: &dyn Check, snapshot: &Snapshot) -> Verdict {
    let About { asset, needs, fires_on_absence, .. } = check.about();
    if *asset != snapshot.kind() {
        return Verdict::NotApplicable;
    }
    let facets = snapshot.facets();
    if let Some(facet) = needs.iter().find(|facet| !facets.contains(**facet)) {
        return Verdict::unknown(UnknownReason::Lacks(*facet));
    }
    if snapshot.records_complete() || !needs.contains(&Facet::Records) {
        return check.judge(snapshot);
    }
    let reason = UnknownReason::Partial;
    if *fires_on_absence {
        return Verdict::unknown(reason);
    }
    Verdict::Unknown { reason, findings: check.judge(snapshot).into_findings() }
}

/// Asks for every name outside of the zone, or of its shard, that some check will look up. Checks that
/// will not be judged on this zone ask for nothing.
pub fn refer(checks: Checks, zone: &ZoneSnapshot, ask: &mut dyn FnMut(&str)) {
    judged(checks, zone).for_each(|check| check.refer(zone, ask));
}

/// Asks for every name below which some check will count the names of the whole zone.
pub fn refer_below(checks: Checks, zone: &ZoneSnapshot, ask: &mut dyn FnMut(&str)) {
    judged(checks, zone).for_each(|check| check.refer_below(zone, ask));
}

fn judged(checks: Checks, zone: &ZoneSnapshot) -> impl Iterator<Item = &'static dyn Check> {
    let is_silenced = !zone.records_complete;
    checks.iter().copied().filter(move |check| {
        let About { asset, fires_on_absence, .. } = check.about();
        *asset == AssetKind::Zone && !(is_silenced && *fires_on_absence)
    })
}

#[cfg(test)]
pub(crate) fn zone(lines: &str) -> ZoneSnapshot {
    ZoneSnapshot::from_text(crate::model::AssetId(1), "example.com", lines)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_dotted() {
        let ids: BTreeSet<&CheckId> = ALL.iter().map(|check| &check.about().id).collect();
        assert_eq!(ids.len(), ALL.len());
        for id in ids {
            let (group, name) = id.as_str().split_once('.').expect("group.name");
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(group.chars().chain(name.chars()).all(word), "{id}");
        }
    }

    #[test]
    fn every_check_says_what_it_is() {
        for About { id, version, title, needs, remediation, reference, .. } in
            ALL.iter().map(|check| check.about())
        {
            assert!(*version > 0 && !needs.is_empty() && !reference.is_empty(), "{id}");
            for text in [title, remediation] {
                assert!(text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{id}");
            }
        }
    }

    #[test]
    fn unknown_without_a_needed_facet() {
        let zone = Snapshot::Zone(zone("@ MX 10 mail.example.com"));
        for check in ALL.iter().filter(|check| concerns(**check, AssetKind::Zone)) {
            let About { id, needs, .. } = check.about();
            let Some(facet) = needs.iter().find(|facet| **facet != Facet::Records) else {
                continue;
            };
            let lacks = Verdict::unknown(UnknownReason::Lacks(*facet));
            assert_eq!(evaluate(*check, &zone), lacks, "{id}");
        }
    }

    #[test]
    fn partial_records_complete_nothing() {
        let mut zone = zone(
            "@ MX 10 mail.example.com\nwww CNAME a.example.com\nwww A 192.0.2.1\n* A 10.0.0.1",
        );
        zone.records_complete = false;
        let zone = Snapshot::Zone(zone);
        for check in ALL {
            let About { id, needs, fires_on_absence, .. } = check.about();
            if !needs.contains(&Facet::Records) {
                continue;
            }
            let verdict = evaluate(*check, &zone);
            assert!(!verdict.is_complete(), "{id}");
            assert!(!fires_on_absence || verdict.into_findings().is_empty(), "{id}");
        }
    }
}

//! The kinds of DMARC policies at `_dmarc` of a name.
//!
//! Of 371 policies of the Ministry of Justice 346 are reject, mostly of parked names; elsewhere none
//! prevails (is-a-dev 64 of 83, hmcts 8 of 15), and over a million popular domains 47 % publish one: 23
//! none, 12 quarantine, 12 reject, 0.5 unusable (DomainCanary's census).

use super::expected::Reach;
use super::random::Random;

/// What stands at `_dmarc` of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dmarc {
    pub(super) held: Held,
    /// A record that is a policy, and asks for nothing.
    pub(super) is_none: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// `{d}` stands for the domain. The other field: exactly one of them is a policy.
    Texts(&'static [&'static str], bool),
    /// An alias to a name outside of the fleet.
    AliasOutside,
    /// An alias to the policy that the zones of the account share.
    AliasShared,
    /// An alias to a name in the account's first zone that does not exist.
    AliasNowhere,
    /// So many aliases in the zone, and then a policy.
    Chain(u32),
}

/// Resolvers and the check follow no more aliases.
const ALIASES_MAX: u32 = 8;

const fn policy(texts: &'static [&'static str]) -> Dmarc {
    Dmarc { held: Held::Texts(texts, true), is_none: false }
}

const fn lax(texts: &'static [&'static str]) -> Dmarc {
    Dmarc { held: Held::Texts(texts, true), is_none: true }
}

const fn unusable(texts: &'static [&'static str]) -> Dmarc {
    Dmarc { held: Held::Texts(texts, false), is_none: false }
}

const fn alias(held: Held) -> Dmarc {
    Dmarc { held, is_none: false }
}

/// Of 100,000 names with anything at `_dmarc`.
const KINDS: [(u32, Dmarc); 27] = [
    (18_000, lax(&["v=DMARC1; p=none"])),
    (25_000, lax(&["v=DMARC1; p=none; rua=mailto:dmarc@{d}"])),
    (18_000, policy(&["v=DMARC1; p=quarantine; rua=mailto:dmarc@{d}"])),
    (4_000, policy(&["v=DMARC1; p=quarantine; pct=50; rua=mailto:dmarc@{d}"])),
    (20_000, policy(&["v=DMARC1; p=reject; rua=mailto:dmarc@{d}; fo=1"])),
    (4_000, policy(&["v=DMARC1;p=reject;sp=reject;adkim=s;aspf=s"])),
    (1_500, policy(&["v=DMARC1; p=reject; sp=none"])),
    (500, policy(&["V = DMARC1 ; P=Reject ;rua=mailto:dmarc@{d}"])),
    (300, policy(&["v=DMARC1; p=reject; t=y"])),
    (200, policy(&["v=DMARC1; pct=0; p=quarantine; t=n"])),
    (200, policy(&["v=DMARC1; p=reject", "google-site-verification=dmarc"])),
    (200, lax(&["v=DMARC1; p=quarantine; t=y"])),
    (200, lax(&["v=DMARC1; rua=mailto:dmarc@{d}"])),
    (100, lax(&["v=DMARC1; p=rejected; sp=reject"])),
    (100, lax(&["v=DMARC1; p=none; p=reject"])),
    (100, lax(&["v=DMARC1"])),
    (100, lax(&["v=DMARC1; p = None ; sp=quarantine; np=reject"])),
    // Two, another case, another order, another service's: no policy.
    (200, unusable(&["v=DMARC1; p=reject", "v=DMARC1; p=none"])),
    (100, unusable(&["v=dmarc1; p=reject"])),
    (100, unusable(&["p=reject; v=DMARC1"])),
    (100, unusable(&["nv=DMARC1; p=none; rua=mailto:dmarc@{d}"])),
    (100, unusable(&["v=DMARC1 p=reject"])),
    (100, unusable(&["some-service-verification=0123456789abcdef"])),
    (4_500, alias(Held::AliasOutside)),
    (100, alias(Held::Chain(2))),
    (50, alias(Held::Chain(ALIASES_MAX))),
    (50, alias(Held::Chain(ALIASES_MAX + 1))),
];

impl Dmarc {
    pub(super) const NONE: Dmarc = unusable(&[]);
    pub(super) const REJECT: Dmarc = policy(&["v=DMARC1; p=reject;"]);
    pub(super) const LAX: Dmarc = lax(&["v=DMARC1; p=none;"]);

    /// `has_shared`: the zones of the account may share a policy, as 13 mail domains of the Ministry
    /// of Justice do.
    pub(super) fn draw(random: &mut Random, has_shared: bool) -> Dmarc {
        if has_shared && random.chance(0.5) {
            let is_nowhere = random.chance(0.05);
            return alias(if is_nowhere { Held::AliasNowhere } else { Held::AliasShared });
        }
        KINDS[random.weighted(KINDS.iter().map(|(weight, _)| *weight))].1
    }

    /// How many records it takes.
    pub(super) fn records(&self) -> u32 {
        match self.held {
            Held::Texts(texts, _) => texts.len() as u32,
            Held::AliasOutside | Held::AliasShared | Held::AliasNowhere => 1,
            Held::Chain(aliases) => aliases + 1,
        }
    }

    /// Whether who asks at this name finds a policy.
    pub(super) fn reach(&self) -> Reach {
        match self.held {
            Held::Texts(_, true) | Held::AliasShared => Reach::Present,
            Held::Texts(_, false) | Held::AliasNowhere => Reach::Absent,
            Held::AliasOutside => Reach::Outside,
            Held::Chain(aliases) if aliases <= ALIASES_MAX => Reach::Present,
            Held::Chain(_) => Reach::Outside,
        }
    }
}

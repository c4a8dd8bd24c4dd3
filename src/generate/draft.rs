//! What is decided of a zone before it has records: enough to know what other zones of its account
//! see of it.

use super::account::Facts;
use super::dmarc::Dmarc;
use super::expected::Reach;
use super::random::{Random, Use};
use super::spf::Spf;
use super::{Shape, sizes};
use crate::model::{TlsVersion, ZoneKind, ZoneStatus};

/// A zone without its records.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// How many records it will have.
    pub(super) size: u32,
    /// A copy of its account's template.
    pub(super) is_parked: bool,
    pub(super) status: Option<ZoneStatus>,
    pub(super) kind: Option<ZoneKind>,
    pub(super) place: Place,
    pub(super) apex: Apex,
    pub(super) has_mail: bool,
    pub(super) spf: Spf,
    pub(super) dmarc: Dmarc,
    pub(super) has_caa: bool,
    /// The policy that other zones of the account lead to.
    pub(super) has_shared_policy: bool,
    /// Whether it is stated what the provider does for the zone, and from which TLS version on.
    pub(super) tls: Option<TlsVersion>,
    /// Its operator wants its wildcards.
    pub(super) is_wildcard_wanted: bool,
}

/// What the name of a zone lies under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Example,
    /// The first zone of its account.
    First,
    /// A zone that is not in the fleet.
    Outside,
}

/// What leads to an address at the apex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apex {
    Nothing,
    /// So many addresses, and whether one more of IPv6.
    Addresses(u32, bool),
    Alias,
    /// A CNAME that the provider answers with addresses.
    Flattened,
    /// A CNAME of which nobody says so.
    Cname,
}

impl Apex {
    fn records(self) -> u32 {
        match self {
            Apex::Nothing => 0,
            Apex::Addresses(v4, has_v6) => v4 + u32::from(has_v6),
            Apex::Alias | Apex::Flattened | Apex::Cname => 1,
        }
    }

    pub(super) fn is_cname(self) -> bool {
        matches!(self, Apex::Flattened | Apex::Cname)
    }
}

/// Of the zones of an account other than the first, so many lie below the first.
const BELOW_FIRST: f64 = 0.05;

/// Of all zones so many lie in a zone that is not in the fleet.
const BELOW_OUTSIDE: f64 = 0.01;

/// Of 277 whole forward zones in use 39 % have a real MX; of zones with fewer records than mail takes
/// none has.
const MAIL_RECORDS_MIN: u32 = 3;
const MAIL: f64 = 0.53;

/// Of 107 zones with a real MX 17 have no SPF (16 %), of 38,753 mail domains 7 %.
const NO_SPF: f64 = 0.08;

/// Of 107 zones with a real MX 44 have no DMARC.
const NO_DMARC: f64 = 0.41;

/// Without mail: SPF and DMARC that say so.
const NO_MAIL_STATED: f64 = 0.2;

/// Of 277 zones 20 % have CAA.
const CAA: f64 = 0.2;

/// A guess: no public source holds tags.
const WILDCARD_WANTED: f64 = 0.05;

impl Draft {
    /// `first` is the draft of the account's first zone, for any other.
    pub(super) fn of(shape: &Shape, facts: &Facts, zone: u64, first: Option<&Draft>) -> Draft {
        let random = &mut Random::of(shape.seed, Use::Draft, facts.index, zone);
        let tls = random.chance(shape.settings).then(|| match random.chance(shape.old_tls) {
            true => random.pick(&[TlsVersion::V1_0, TlsVersion::V1_0, TlsVersion::V1_1]),
            false => random.pick(&[TlsVersion::V1_2, TlsVersion::V1_2, TlsVersion::V1_3]),
        });
        let (status, kind) = (status(random), kind(random));
        let place = match first {
            Some(first) if first.is_active() && random.chance(BELOW_FIRST) => Place::First,
            _ if random.chance(BELOW_OUTSIDE) => Place::Outside,
            _ => Place::Example,
        };
        let mut draft = Draft {
            size: sizes::records(shape, facts.index, random),
            is_parked: first.is_some() && random.chance(facts.parked),
            status,
            kind,
            place,
            apex: Apex::Nothing,
            has_mail: false,
            spf: Spf::NONE,
            dmarc: Dmarc::NONE,
            has_caa: false,
            has_shared_policy: false,
            tls,
            is_wildcard_wanted: random.chance(WILDCARD_WANTED),
        };
        if draft.is_parked {
            facts.template.shape(&mut draft);
        } else {
            // Not a fleet without any record.
            draft.size = draft.size.max(u32::from(facts.index == 0 && zone == 0));
            draft.decide(random, facts, first);
        }
        draft
    }

    fn decide(&mut self, random: &mut Random, facts: &Facts, first: Option<&Draft>) {
        let mut room = self.size;
        let take = |room: &mut u32, records: u32| {
            let fits = records <= *room;
            *room -= if fits { records } else { 0 };
            fits
        };
        if first.is_none() && facts.shares_policy && self.is_active() && take(&mut room, 1) {
            self.has_shared_policy = true;
        }
        let apex = apex(random);
        if take(&mut room, apex.records()) {
            self.apex = apex;
        }
        let has_shared = first.is_some_and(|first| first.has_shared_policy);
        if room >= MAIL_RECORDS_MIN && random.chance(MAIL) {
            self.has_mail = true;
            room -= 1;
            let spf = if random.chance(NO_SPF) { Spf::NONE } else { Spf::draw(random) };
            if take(&mut room, spf.records()) {
                self.spf = spf;
            }
            if !random.chance(NO_DMARC) {
                let dmarc = Dmarc::draw(random, has_shared);
                if take(&mut room, dmarc.records()) {
                    self.dmarc = dmarc;
                }
            }
        } else if random.chance(NO_MAIL_STATED) && take(&mut room, 2) {
            (self.spf, self.dmarc) = (Spf::NO_SENDER, Dmarc::REJECT);
        }
        self.has_caa = random.chance(CAA) && take(&mut room, 1);
    }

    pub(super) fn is_active(&self) -> bool {
        self.status.is_none_or(|status| status == ZoneStatus::Active)
    }

    /// Whether who asks for SPF at the apex finds a record.
    pub(super) fn apex_spf(&self) -> Reach {
        match self.spf {
            Spf { is_present: true, .. } => Reach::Present,
            // A CNAME is followed only where there is no text.
            spf if self.apex.is_cname() && spf.records() == 0 => Reach::Outside,
            _ => Reach::Absent,
        }
    }
}

/// Guesses: no public source holds zones that are not active.
fn status(random: &mut Random) -> Option<ZoneStatus> {
    match random.below(1_000) {
        0..20 => Some(ZoneStatus::Pending),
        20..25 => Some(ZoneStatus::Moved),
        25..28 => Some(ZoneStatus::Initializing),
        28..800 => Some(ZoneStatus::Active),
        _ => None,
    }
}

fn kind(random: &mut Random) -> Option<ZoneKind> {
    match random.below(1_000) {
        0..10 => Some(ZoneKind::Internal),
        10..20 => Some(ZoneKind::Secondary),
        20..30 => Some(ZoneKind::Partial),
        30..800 => Some(ZoneKind::Full),
        _ => None,
    }
}

fn apex(random: &mut Random) -> Apex {
    match random.below(1_000) {
        0..150 => Apex::Nothing,
        150..620 => Apex::Addresses(1, false),
        620..740 => Apex::Addresses(1, true),
        740..840 => Apex::Addresses(2, false),
        840..860 => Apex::Addresses(4, false),
        860..930 => Apex::Alias,
        930..998 => Apex::Flattened,
        _ => Apex::Cname,
    }
}

//! An account, and what is decided of it before its zones.

use core::net::Ipv4Addr;

use super::addresses::public_v4;
use super::draft::Draft;
use super::expected::Expected;
use super::parked::Template;
use super::random::{Random, Use};
use super::zone::{First, Zone};
use super::{Shape, names, sizes};
use crate::inventory::AccountEntry;
use crate::model::{AccountSettings, Member, MemberStatus};

/// What the zones of an account have in common.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) index: u64,
    pub(super) id: String,
    pub(super) is_partial: bool,
    /// The share of parked zones.
    pub(super) parked: f64,
    pub(super) template: Template,
    /// Zones may lead to a DMARC policy of the first one.
    pub(super) shares_policy: bool,
    /// Its zones have their hosts on the same servers.
    pub(super) servers: [Ipv4Addr; 4],
}

/// An account with what must be found of it. Its zones are made one by one.
#[derive(Clone, Debug)]
pub struct Account<'s> {
    pub entry: AccountEntry,
    pub expected: Vec<Expected>,
    shape: &'s Shape,
    facts: Facts,
    first: Draft,
    zones: u64,
}

/// Accounts of more zones than this hold mostly parked ones: 71 % at the Ministry of Justice, 93 % at
/// Wikimedia.
const UNPARKED_ZONES_MAX: u64 = 100;

/// A guess: no public source holds tags of accounts.
const SSO_ONLY: f64 = 0.03;

/// Of accounts whose settings are stated, a guess.
const TWOFACTOR_UNSTATED: f64 = 0.02;

impl<'s> Account<'s> {
    pub(super) fn new(shape: &'s Shape, index: u64, zones: u64) -> Account<'s> {
        let random = &mut Random::of(shape.seed, Use::Account, index, 0);
        let is_partial = random.chance(shape.partial);
        let parked = 0.7 + 0.2 * random.share();
        let facts = Facts {
            index,
            id: names::account_id(index),
            is_partial,
            parked: if zones > UNPARKED_ZONES_MAX { parked } else { 0.0 },
            template: Template::draw(random),
            shares_policy: zones > 1 && random.chance(0.3),
            servers: servers(random),
        };
        let first = Draft::of(shape, &facts, 0, None);
        let others = (1..zones).map(|zone| Draft::of(shape, &facts, zone, Some(&first)).size);
        let records = u64::from(first.size) + others.map(u64::from).sum::<u64>();
        let plan = sizes::plan(records, zones);
        let (entry, expected) = describe(shape, &facts.id, index, plan, random);
        Account { entry, expected, shape, facts, first, zones }
    }

    /// Its zones in their order, each made when it is asked for.
    pub fn zones(&self) -> impl Iterator<Item = Zone> {
        let Account { shape, facts, first, zones, .. } = self;
        let first = First::new(shape, facts, first);
        (0..*zones).map(move |zone| Zone::new(shape, facts, &first, zone))
    }
}

/// Four different addresses side by side.
fn servers(random: &mut Random) -> [Ipv4Addr; 4] {
    let [a, b, c, last] = public_v4(random).octets();
    [0, 1, 2, 3].map(|number| Ipv4Addr::new(a, b, c, last.min(250) + number))
}

fn describe(
    shape: &Shape,
    id: &str,
    index: u64,
    plan: &str,
    random: &mut Random,
) -> (AccountEntry, Vec<Expected>) {
    let check = "account.mfa_not_enforced";
    let is_sso = random.chance(SSO_ONLY);
    let settings = random.chance(shape.settings).then(|| {
        let is_enforced = random.chance(shape.mfa_enforced);
        let is_stated = !random.chance(TWOFACTOR_UNSTATED);
        AccountSettings {
            enforce_twofactor: is_stated.then_some(is_enforced),
            abuse_contact_email: (!is_stated).then(|| format!("abuse-{index}@mail.test")),
        }
    });
    let expected = match &settings {
        None => Some(Expected::unknown(check, id)),
        Some(_) if is_sso => None,
        Some(settings) => match settings.enforce_twofactor {
            None => Some(Expected::unknown(check, id)),
            Some(false) => Some(Expected::fail(check, id)),
            Some(true) => None,
        },
    };
    let members = random.chance(shape.members).then(|| members(index, is_sso, random));
    let entry = AccountEntry {
        external_id: id.to_owned(),
        name: names::account_name(random.next(), index),
        plan: Some(plan.to_owned()),
        tags: Vec::from_iter(is_sso.then(|| "sso-only".to_owned())),
        settings,
        members,
    };
    (entry, expected.into_iter().collect())
}

/// One for most accounts, now and then many: guesses.
fn members(account: u64, is_sso: bool, random: &mut Random) -> Vec<Member> {
    let mut count = 1;
    while count < 40 && random.chance(0.4) {
        count += 1;
    }
    let member = |number| {
        let is_pending = number > 0 && random.chance(0.05);
        let role = if number == 0 { "super_administrator" } else { "administrator" };
        Member {
            id: format!("member-{account}-{number}"),
            email_hash: Some(format!("{:016x}{:016x}", random.next(), random.next())),
            status: if is_pending { MemberStatus::Pending } else { MemberStatus::Accepted },
            mfa: Some(random.chance(0.6)),
            roles: vec![role.to_owned()],
            sso: is_sso.then_some(true),
        }
    };
    (0..count).map(member).collect()
}

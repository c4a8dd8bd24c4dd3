//! Fleets that nobody owns: accounts with their zones and records, and the truth about them.
//!
//! [`Fleet`] is a lazily made sequence of [`Account`]s, and an account one of [`Zone`]s: no more than
//! one zone is ever held. The same [`Shape`] gives the same fleet, to the byte and on every machine:
//! each account and zone draws from a random sequence of its own, derived from the seed and its
//! index, and nothing but exact arithmetic turns numbers into sizes.
//!
//! Sizes, types, TTLs and the rates of mistakes are those counted in whole zones, delegations and mail
//! look-ups of public sources in August 2026; each constant says what it was counted in. Settings,
//! members and proxy flags are in no public source: they are parameters, and their defaults are guesses.
//!
//! # The truth
//!
//! Where a mistake is planted, what must be found of it is written down, as [`Expected`]; no check is
//! asked. It is the truth about this fleet imported alone. What is expected as `unknown`:
//! - a mail domain whose answer lies outside of the fleet (`spf.missing`, `dmarc.missing`): the owner;
//! - a zone whose settings are not stated (`zone.tls_min_version`): its apex;
//! - an account whose second factor is not stated (`account.mfa_not_enforced`): its id.
//!
//! With partial records no check is complete. That is not listed: listed is what is found in them, and
//! nothing of the checks that find what is absent.
//!
//! # Where things are
//!
//! `shape` parameters; `random` the random sequence; `sizes` how many zones and records; `names`,
//! `addresses` names that are nobody's and addresses that are somebody's; `account` and `draft` what
//! is decided of an account and of a zone before its records; `zone` a zone from its draft; `filling`
//! adds records and expects what must be found of them; `spf`, `dmarc` the kinds of policies; `owners` what
//! the rest of a zone is filled with; `parked` copies of one template; `expected` the truth; `mistake`
//! what goes wrong in a zone that has been there for a while.

mod account;
mod addresses;
mod dmarc;
mod draft;
mod expected;
mod filling;
mod mistake;
mod names;
mod owners;
mod parked;
mod random;
mod shape;
mod sizes;
mod spf;
mod zone;

pub use account::Account;
pub use expected::{Expected, ExpectedVerdict, Planted, PlantedOf};
pub use mistake::{Mistake, mistake};
pub use random::Random;
pub use shape::{Shape, ShapeError};
pub use zone::Zone;

/// The fleet of one shape.
#[derive(Clone, Debug)]
pub struct Fleet {
    shape: Shape,
}

impl Fleet {
    /// # Errors
    /// If there is no such fleet, with the parameter that is wrong.
    pub fn new(shape: Shape) -> Result<Fleet, ShapeError> {
        shape.check()?;
        Ok(Fleet { shape })
    }

    /// All accounts in their order. The last one has fewer zones than it would have, so that there
    /// are as many in all as the shape says.
    pub fn accounts(&self) -> impl Iterator<Item = Account<'_>> {
        let mut left = self.shape.zones;
        (0..).map_while(move |index| {
            let zones = sizes::zones(&self.shape, index).min(left);
            left -= zones;
            (zones > 0).then(|| Account::new(&self.shape, index, zones))
        })
    }
}

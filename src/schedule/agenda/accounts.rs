//! Fairness: a virtual clock for each large account, so that what one account has due at once delays
//! nobody else.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use bitfield_struct::bitfield;

/// So many assets of an account may be due at once before they are held to the account's own rate.
const BURST: f64 = 32.0;
/// An account with so few assets is never held.
const SMALL: u8 = BURST as u8;

/// Assets are counted in so many parts at first, and in one for four assets or less later.
const BITS_MIN: u32 = 6;
const BITS_MAX: u32 = 22;
const ASSETS_A_COUNT: usize = 4;

/// The unit of clocks: a thousandth of a tick.
const UNITS: f64 = 1_000.0;
const AT_MAX: u64 = (1 << 42) - 1;
const ASSETS_MAX: u32 = (1 << 22) - 1;

#[bitfield(u64)]
struct Clock {
    #[bits(22)]
    assets: u32,
    #[bits(42)]
    at: u64,
}

/// The accounts of one flow, by hashes of 32 bits. A large account's clock advances by the time between
/// two of its scans at its own rate, with the buffer, for each scan of it. One whose clock is ahead is
/// held until the front of the flow has come there, or until nothing else may go.
///
/// Assets of other accounts wait for it at most (its overdue time x buffer x its own rate + 32) /
/// rate of the flow. An account is large from 33 assets on, or above some 33 million assets from four
/// times as many as a count has on average: until then it is not told from those whose assets are
/// counted with its own.
#[derive(Debug)]
pub(super) struct Accounts {
    assets: usize,
    /// Assets by a part of the hashes of their accounts: no account has more than its count says. What
    /// is full stays full.
    counts: Vec<u8>,
    large: HashMap<u32, Clock, BuildHasherDefault<OfHash>>,
}

/// Spreads what is a hash already over all bits.
#[derive(Debug, Default)]
struct OfHash(u64);

impl Hasher for OfHash {
    fn write_u32(&mut self, hash: u32) {
        self.0 = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Accounts {
    fn default() -> Accounts {
        Accounts { assets: 0, counts: vec![0; 1 << BITS_MIN], large: HashMap::default() }
    }
}

impl Accounts {
    fn count(&mut self, account: u32) -> &mut u8 {
        let mask = self.counts.len() - 1;
        &mut self.counts[account as usize & mask]
    }

    pub(super) fn add(&mut self, account: u32) {
        self.assets += 1;
        self.count_in(account);
    }

    fn count_in(&mut self, account: u32) {
        let count = self.count(account);
        *count = count.saturating_add(1);
        let count = *count;
        if count <= SMALL {
            return;
        }
        if let Some(clock) = self.large.get_mut(&account) {
            clock.set_assets((clock.assets() + 1).min(ASSETS_MAX));
        } else if self.small_max() < count {
            self.large.insert(account, Clock::new().with_assets(count.into()));
        }
    }

    pub(super) fn remove(&mut self, account: u32) {
        self.assets = self.assets.saturating_sub(1);
        let count = self.count(account);
        let before = *count;
        if before != u8::MAX {
            *count = before.saturating_sub(1);
        }
        if before <= SMALL {
            return;
        }
        if let Some(clock) = self.large.get_mut(&account) {
            clock.set_assets(clock.assets().saturating_sub(1));
        }
    }

    /// Above so many in its count an account is taken for a large one.
    fn small_max(&self) -> u8 {
        let often = ASSETS_A_COUNT * self.assets / self.counts.len();
        often.clamp(SMALL.into(), (u8::MAX - 1).into()) as u8
    }

    /// Whether so many assets deserve more counts.
    pub(super) fn are_few_for(&self, assets: usize) -> bool {
        self.counts.len() * ASSETS_A_COUNT < assets && self.counts.len() < 1 << BITS_MAX
    }

    /// Makes a count for each asset, which will do for four times as many; `accounts` are those of all
    /// of them. Clocks go on.
    pub(super) fn grow(&mut self, assets: usize, accounts: impl Iterator<Item = u32>) {
        let counts = assets.next_power_of_two().min(1 << BITS_MAX);
        (self.assets, self.counts) = (assets, vec![0; counts]);
        let before = std::mem::take(&mut self.large);
        accounts.for_each(|account| self.count_in(account));
        for (account, clock) in &mut self.large {
            clock.set_at(before.get(account).map_or(0, |clock| clock.at()));
        }
    }

    /// Whether the account may be held.
    pub(super) fn is_large(&self, account: u32) -> bool {
        self.large.contains_key(&account)
    }

    /// When a scan that is due at `due` may go out at its account's own rate; in ticks, as `period`: the
    /// time between two scans of an account with one asset.
    pub(super) fn tag(&self, account: u32, due: f64, period: f64) -> f64 {
        let Some(clock) = self.large.get(&account) else { return due };
        due.max(clock.at() as f64 / UNITS - BURST * spacing(*clock, period))
    }

    /// The account has used up one scan.
    pub(super) fn charge(&mut self, account: u32, due: f64, period: f64) {
        let Some(clock) = self.large.get_mut(&account) else { return };
        let at = (clock.at() as f64 / UNITS).max(due) + spacing(*clock, period);
        clock.set_at(((at * UNITS) as u64).min(AT_MAX));
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity() + self.large.capacity() * (size_of::<(u32, Clock)>() + 1)
    }
}

fn spacing(clock: Clock, period: f64) -> f64 {
    period / f64::from(clock.assets().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_may_have_a_few_due_at_once_and_is_then_held_to_its_own_rate() {
        let mut accounts = Accounts::default();
        (0..100).for_each(|_| accounts.add(7));
        accounts.add(8);
        let due = 5_000.0;
        let mut tags = Vec::new();
        for _ in 0..40 {
            tags.push(accounts.tag(7, due, 1_000.0));
            accounts.charge(7, due, 1_000.0);
        }
        assert!(tags[..=32].iter().all(|tag| *tag == due), "{tags:?}");
        assert!((tags[39] - (due + 70.0)).abs() < 0.1, "ten ticks apart: {tags:?}");
        assert_eq!(accounts.tag(8, due, 1_000.0), due, "another account");
    }

    #[test]
    fn a_small_account_is_not_held_whatever_is_counted_with_it() {
        let mut accounts = Accounts::default();
        let counts = accounts.counts.len() as u32;
        (0..1_000).for_each(|_| accounts.add(7));
        (0..3).for_each(|_| accounts.add(7 + counts));
        (0..1_000).for_each(|_| accounts.charge(7, 5_000.0, 1_000.0));
        assert!(5_900.0 < accounts.tag(7, 5_000.0, 1_000.0));
        assert_eq!(accounts.tag(7 + counts, 5_000.0, 1_000.0), 5_000.0);
        (0..1_000).for_each(|_| accounts.remove(7));
        (0..3).for_each(|_| accounts.remove(7 + counts));
        assert!(accounts.large.values().all(|clock| clock.assets() <= u32::from(u8::MAX)));
    }

    #[test]
    fn clocks_go_on_when_there_are_more_counts() {
        let mut accounts = Accounts::default();
        let numbers = || (0..900).map(|n| n * 37).chain(std::iter::repeat_n(74, 99));
        numbers().for_each(|account| accounts.add(account));
        assert!(accounts.are_few_for(999));
        accounts.charge(74, 9_000.0, 100.0);
        accounts.grow(999, numbers());
        assert!(!accounts.are_few_for(999));
        assert_eq!(accounts.large.keys().collect::<Vec<_>>(), [&74]);
        assert_eq!(accounts.large[&74].assets(), 100, "nobody is counted with it any more");
        assert!(9_000.0 < accounts.tag(74, 0.0, 0.0));
        let assets: u32 = accounts.counts.iter().map(|count| u32::from(*count)).sum();
        assert_eq!(assets, 999);
    }
}

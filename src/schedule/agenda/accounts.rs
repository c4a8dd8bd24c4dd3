//! Fairness: a virtual clock an account, so that what one account has due at once delays nobody else.

use bitfield_struct::bitfield;

use super::asset::ACCOUNT_BITS;

/// So many assets of an account may be due at once before they are held to the account's own rate.
const BURST: f64 = 32.0;

/// Clocks at first; as many as assets later, but not more than hashes.
const BITS_MIN: u32 = 6;

/// The unit of clocks: a thousandth of a tick.
const UNITS: f64 = 1_000.0;
const AT_MAX: u64 = (1 << 42) - 1;
const ASSETS_MAX: u32 = (1 << 22) - 1;

/// Of one account, or of the few that share a hash.
#[bitfield(u64)]
struct Clock {
    #[bits(22)]
    assets: u32,
    #[bits(42)]
    at: u64,
}

/// The accounts of one flow. An account's clock advances by the time between two of its scans at its
/// own rate, with the buffer, for each scan of it. One whose clock is ahead is held until the front
/// of the flow has come there, or until nothing else may go.
///
/// Assets of other accounts wait for it at most (its overdue time x buffer x its own rate + 32) /
/// rate of the flow. Accounts that share a hash share a clock, and their rates.
#[derive(Debug)]
pub(super) struct Accounts {
    clocks: Vec<Clock>,
}

impl Default for Accounts {
    fn default() -> Accounts {
        Accounts { clocks: vec![Clock::new(); 1 << BITS_MIN] }
    }
}

impl Accounts {
    fn clock(&mut self, account: u32) -> &mut Clock {
        let mask = self.clocks.len() - 1;
        &mut self.clocks[account as usize & mask]
    }

    /// Brings the clock of an account near.
    pub(super) fn touch(&self, account: u32) {
        std::hint::black_box(self.clocks[account as usize & (self.clocks.len() - 1)].at());
    }

    pub(super) fn add(&mut self, account: u32) {
        let clock = self.clock(account);
        clock.set_assets((clock.assets() + 1).min(ASSETS_MAX));
    }

    pub(super) fn remove(&mut self, account: u32) {
        let clock = self.clock(account);
        clock.set_assets(clock.assets().saturating_sub(1));
    }

    /// Whether so many assets deserve more clocks.
    pub(super) fn are_few_for(&self, assets: usize) -> bool {
        self.clocks.len() < assets && self.clocks.len() < 1 << ACCOUNT_BITS
    }

    /// Makes as many clocks as there are assets; `accounts` are those of all of them. What shared a
    /// clock starts from where that stands.
    pub(super) fn grow(&mut self, assets: usize, accounts: impl Iterator<Item = u32>) {
        let clocks = assets.next_power_of_two().min(1 << ACCOUNT_BITS);
        let before = std::mem::take(&mut self.clocks);
        let clock = |n: usize| Clock::new().with_at(before[n % before.len()].at());
        self.clocks = (0..clocks).map(clock).collect();
        accounts.for_each(|account| self.add(account));
    }

    /// When a scan that is due at `due` may go out at its account's own rate; in ticks, as `period`: the
    /// time between two scans of an account with one asset.
    pub(super) fn tag(&mut self, account: u32, due: f64, period: f64) -> f64 {
        let clock = *self.clock(account);
        due.max(clock.at() as f64 / UNITS - BURST * spacing(clock, period))
    }

    /// The account has used up one scan.
    pub(super) fn charge(&mut self, account: u32, due: f64, period: f64) {
        let clock = self.clock(account);
        let at = (clock.at() as f64 / UNITS).max(due) + spacing(*clock, period);
        clock.set_at(((at * UNITS) as u64).min(AT_MAX));
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.clocks.capacity() * size_of::<Clock>()
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
    fn what_shared_a_clock_keeps_its_time_when_there_are_more() {
        let mut accounts = Accounts::default();
        let numbers = || (0..1_000).map(|n| n * 37);
        numbers().for_each(|account| accounts.add(account));
        assert!(accounts.are_few_for(1_000));
        accounts.charge(74, 9_000.0, 100.0);
        accounts.grow(1_000, numbers());
        assert!(!accounts.are_few_for(1_000));
        assert!(9_000.0 < accounts.tag(74, 0.0, 0.0));
        let assets: u32 = accounts.clocks.iter().map(|clock| clock.assets()).sum();
        assert_eq!(assets, 1_000);
    }
}

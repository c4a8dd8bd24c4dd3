//! What a scan costs: predicted before, measured meanwhile, remembered after.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Lane;

/// What a scan is predicted to cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Load, check and write together.
    pub time: Duration,
    /// Of that, the write.
    pub write: Duration,
    /// What scans of the asset cost before; none if none was measured.
    pub history: CostClass,
    /// The credits that the scan takes while its ticket is open.
    pub weight: u32,
}

/// The time of a scan as its logarithm, which is all that is remembered of an asset's scans: so many
/// steps above 1 us, each of them 0.07 percent. [`CostClass::NONE`]: nothing is known.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct CostClass(u16);

/// Steps of a doubling.
const STEPS: f64 = 1_024.0;
/// Above an hour nothing is told apart.
const CLASS_MAX: u16 = i16::MAX as u16;
/// What one scan counts beside those before it.
const RECENT: i32 = 4;
/// No scan counts as further away than so many doublings: it may have met an outage.
const AWAY_MAX: i32 = 3;
/// The same for the first scan of an asset, against what is predicted of such ones.
const FIRST_AWAY_MAX: i32 = 4;

impl CostClass {
    pub const NONE: CostClass = CostClass(0);

    /// Of a time in microseconds, from 1 up to an hour.
    pub fn of_us(us: f64) -> CostClass {
        let steps = (us.max(1.0).log2() * STEPS).round();
        CostClass((1.0 + steps).min(f64::from(CLASS_MAX)) as u16)
    }

    /// 0 if nothing is known.
    pub fn us(self) -> f64 {
        match self.0.checked_sub(1) {
            None => 0.0,
            Some(steps) => (f64::from(steps) / STEPS).exp2(),
        }
    }

    pub const fn is_known(self) -> bool {
        self.0 != 0
    }

    /// As it is stored; [`CostClass::NONE`] for what never was.
    pub fn from_stored(stored: i16) -> CostClass {
        CostClass(u16::try_from(stored).unwrap_or_default())
    }

    pub const fn stored(self) -> i16 {
        self.0.cast_signed()
    }

    /// The exponentially weighted mean, of the logarithms, with another scan that took so long. What the
    /// first one is held against is the `prior`.
    #[must_use]
    pub fn after(self, measured_us: f64, prior_us: f64) -> CostClass {
        let measured = i32::from(CostClass::of_us(measured_us).0);
        let within = |center: CostClass, doublings: i32| {
            let away = doublings * STEPS as i32;
            measured.clamp(i32::from(center.0) - away, i32::from(center.0) + away)
        };
        let after = match self.is_known() {
            false => within(CostClass::of_us(prior_us), FIRST_AWAY_MAX),
            true => {
                let before = i32::from(self.0);
                before + (within(self, AWAY_MAX) - before) / RECENT
            }
        };
        CostClass(after.clamp(1, i32::from(CLASS_MAX)) as u16)
    }
}

/// What scans of an asset cost, and the lane of the last one: what is stored with its scan state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    pub cost: CostClass,
    pub lane: Lane,
}

/// What the stages of a scan took of the time of their operators, in microseconds. To wait is no cost: it
/// is what others cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spent {
    /// Its share of the query.
    pub load_us: u32,
    pub check_us: u32,
    /// Its share of the flush.
    pub write_us: u32,
}

impl Spent {
    pub fn total_us(&self) -> f64 {
        f64::from(self.load_us) + f64::from(self.check_us) + f64::from(self.write_us)
    }

    /// Whether somebody measured: a clock that a test holds still does not.
    pub fn is_measured(&self) -> bool {
        *self != Spent::default()
    }

    /// Whether the scan came as far as its write: one whose asset has vanished did not.
    pub fn is_whole(&self) -> bool {
        self.write_us != 0
    }
}

impl Cost {
    /// What is remembered after a scan that is over but for its write.
    pub fn before_write(&self, spent: Spent) -> CostClass {
        let us = |length: Duration| length.as_secs_f64() * 1e6;
        match spent.is_measured() {
            true => self.history.after(spent.total_us() + us(self.write), us(self.time)),
            false => self.history,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_time_up_to_a_thousandth() {
        for us in [1.0, 2.0, 71.3, 10_000.0, 3.5e9] {
            let kept = CostClass::of_us(us).us();
            assert!((kept / us - 1.0).abs() < 0.001, "{us}: {kept}");
        }
        assert_eq!((CostClass::of_us(0.0).us(), CostClass::NONE.us()), (1.0, 0.0));
        assert_eq!(CostClass::of_us(1e12), CostClass(CLASS_MAX));
        assert_eq!(CostClass::from_stored(CostClass::of_us(1e12).stored()).0, CLASS_MAX);
        assert_eq!(CostClass::from_stored(-3), CostClass::NONE);
    }

    #[test]
    fn history_follows_what_is_measured_and_forgets_an_outage() {
        let mut cost = CostClass::NONE.after(800.0, 100.0);
        assert!((cost.us() - 800.0).abs() < 1.0, "the first scan is believed");
        for _ in 0..30 {
            cost = cost.after(50.0, 100.0);
        }
        assert!((45.0..56.0).contains(&cost.us()), "{}", cost.us());
        let outage = cost.after(50_000.0, 100.0);
        assert!(outage.us() < 1.7 * cost.us(), "{}", outage.us());
        let first = CostClass::NONE.after(100_000.0, 100.0);
        assert!((first.us() - 1_600.0).abs() < 2.0, "{}", first.us());
    }

    #[test]
    fn what_is_remembered_before_the_write_counts_it_as_predicted() {
        let cost = Cost {
            time: Duration::from_micros(100),
            write: Duration::from_micros(40),
            ..Cost::default()
        };
        let spent = Spent { load_us: 100, check_us: 60, write_us: 0 };
        assert!((cost.before_write(spent).us() - 200.0).abs() < 1.0);
        assert_eq!(cost.before_write(Spent::default()), CostClass::NONE);
    }
}

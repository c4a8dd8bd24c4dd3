//! How much work there is, by what scans cost, and from where on it is slow.

use super::Border;
use crate::model::CostClass;

/// Scans are counted by eighths of a doubling of their time.
const CLASSES: usize = 256;
const STEPS: usize = 128;

/// The times of the scans of many assets, once each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// In nanoseconds; whole numbers, so that what is taken away leaves nothing behind.
    sums_ns: Vec<u64>,
    total_ns: u64,
}

impl Work {
    pub fn add(&mut self, cost: CostClass) {
        let (class, ns) = place(cost);
        if self.sums_ns.len() <= class {
            self.sums_ns.resize(class + 1, 0);
        }
        self.sums_ns[class] += ns;
        self.total_ns += ns;
    }

    /// Takes back what was added.
    pub fn remove(&mut self, cost: CostClass) {
        let (class, ns) = place(cost);
        self.sums_ns[class] -= ns;
        self.total_ns -= ns;
    }

    pub fn total_us(&self) -> f64 {
        self.total_ns as f64 / 1e3
    }

    /// Bytes held, by capacity.
    pub fn bytes(&self) -> usize {
        self.sums_ns.capacity() * size_of::<u64>()
    }
}

fn place(cost: CostClass) -> (usize, u64) {
    (usize::from(cost.stored().unsigned_abs()) / STEPS, (cost.us() * 1e3) as u64)
}

/// Work a second of many plans, by what scans cost.
#[derive(Clone, Debug)]
pub struct WorkPerSecond {
    sums: [f64; CLASSES],
}

impl Default for WorkPerSecond {
    fn default() -> WorkPerSecond {
        WorkPerSecond { sums: [0.0; CLASSES] }
    }
}

impl WorkPerSecond {
    /// Each of these once in `cadence_s` seconds.
    pub fn add(&mut self, work: &Work, cadence_s: f64) {
        for (sum, ns) in self.sums.iter_mut().zip(&work.sums_ns) {
            *sum += *ns as f64 / cadence_s;
        }
    }

    /// So many microseconds a second, of scans that cost about that.
    pub fn add_us(&mut self, cost: CostClass, us: f64) {
        self.sums[place(cost).0] += us * 1e3;
    }

    /// The lowest border that leaves the slow lane at most that share of the work. One that is close above
    /// it stays: lanes are not to be changed for nothing.
    pub fn border(&self, slow_share: f64, present: Border) -> Border {
        let slow_max = slow_share * self.sums.iter().sum::<f64>();
        let mut slow = 0.0;
        let mut lowest = CLASSES;
        for (class, sum) in self.sums.iter().enumerate().rev() {
            slow += sum;
            if slow_max < slow {
                break;
            }
            lowest = class;
        }
        let border = |class: usize| {
            let stored = i16::try_from(class * STEPS).unwrap_or(i16::MAX);
            Border::auto(CostClass::from_stored(stored))
        };
        // Two classes: a fifth.
        let close = (lowest..=lowest + 2).map(border);
        close.clone().find(|border| *border == present).unwrap_or_else(|| border(lowest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Lane;

    fn work(costs: &[f64]) -> Work {
        let mut work = Work::default();
        costs.iter().for_each(|us| work.add(CostClass::of_us(*us)));
        work
    }

    fn slow_us(costs: &[f64], border: Border) -> f64 {
        costs.iter().filter(|us| border.choose(**us, 0) == Lane::Slow).sum()
    }

    #[test]
    fn what_is_taken_away_leaves_nothing() {
        let costs = [1.0, 70.0, 5_000.0, 3e9];
        let mut sum = work(&costs);
        costs.iter().for_each(|us| sum.remove(CostClass::of_us(*us)));
        assert_eq!(sum.total_us(), 0.0);
        assert!(sum.sums_ns.iter().all(|ns| *ns == 0) && sum.bytes() <= 4_096);
    }

    #[test]
    fn work_counts_by_its_cadence() {
        // As much in all; by the second the small ones are most of it.
        let (small, large) = (work(&[2_000.0; 25]), work(&[50_000.0]));
        let of = |small_s, large_s| {
            let mut per_second = WorkPerSecond::default();
            per_second.add(&small, small_s);
            per_second.add(&large, large_s);
            per_second.border(0.5, Border::default())
        };
        assert_eq!(of(86_400.0, 7.0 * 86_400.0).choose(50_000.0, 0), Lane::Slow);
        assert_eq!(of(86_400.0, 7.0 * 86_400.0).choose(2_000.0, 0), Lane::Fast);
        assert_eq!(of(7.0 * 86_400.0, 86_400.0).choose(50_000.0, 0), Lane::Fast);
    }

    #[test]
    fn a_scan_of_a_second_is_slow_and_one_below_a_millisecond_is_not() {
        let border = |costs: &[f64]| {
            let mut per_second = WorkPerSecond::default();
            per_second.add(&work(costs), 1.0);
            per_second.border(0.5, Border::default())
        };
        let giant = border(&[1e6, 100.0]);
        assert_eq!(giant.choose(1e6, 0), Lane::Slow, "though it is nearly all work");
        let tiny = border(&[100.0; 9]);
        assert_eq!(tiny.choose(900.0, 0), Lane::Fast);
        assert_eq!(border(&[]).choose(900.0, 0), Lane::Fast);
        let hours = border(&[3.6e9; 3]);
        assert_eq!([5e4, 2e5].map(|us| hours.choose(us, 0)), Lane::ALL);
    }

    proptest! {
        #[test]
        fn the_slow_lane_gets_its_share_at_most_and_nearly_all_of_it(
            costs in prop::collection::vec(10.0..16.4_f64, 1..300), share in 0.05..0.95_f64,
        ) {
            // 1 to 90 ms.
            let costs = costs.into_iter().map(|us| CostClass::of_us(us.exp2()).us());
            let costs: Vec<f64> = costs.collect();
            let mut per_second = WorkPerSecond::default();
            per_second.add(&work(&costs), 1.0);
            let border = per_second.border(share, Border::default());
            let total: f64 = costs.iter().sum();
            let slow = slow_us(&costs, border);
            prop_assert!(slow <= 1.01 * share * total, "{slow} of {total}");
            // All that costs as much as the border, within a class below it, does not fit.
            let lower = Border::auto(CostClass::of_us(border.us() / 1.19));
            let more = slow_us(&costs, lower);
            let is_least = border.us() <= 1_100.0;
            prop_assert!(is_least || 0.99 * share * total < more, "{border:?} {more} {total}");
        }

        #[test]
        fn a_border_that_is_close_above_stays(
            costs in prop::collection::vec(11.0..16.0_f64, 30..300), change in 0.97..1.03_f64,
        ) {
            let border = |factor: f64, present| {
                let costs: Vec<f64> = costs.iter().map(|us| us.exp2() * factor).collect();
                let mut per_second = WorkPerSecond::default();
                per_second.add(&work(&costs), 1.0);
                per_second.border(0.5, present)
            };
            let first = border(1.0, Border::default());
            let second = border(change, first);
            let third = border(1.0, second);
            prop_assert!(third == second || third == first);
            prop_assert_eq!(border(1.0, third), third);
        }
    }
}

//! What a scan will cost, and which lane it takes. Pure; asked once, by the publisher of the event.

use std::time::Duration;

use crate::model::{Cost, Lane};

pub use concurrency::Concurrency;

mod concurrency;

/// Time of a scan without records: load, check and write share their round trips.
const SCAN_US: u64 = 20;
/// Load, check and write of one record: a first estimate.
const RECORD_US: u64 = 5;
/// One credit for the scan and one for each so many records: the memory that it holds.
const RECORDS_PER_CREDIT: u64 = 64;

/// What is known of a scan before it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    pub records: u64,
    /// Network probes that the asked checks need.
    pub probes: u32,
}

/// How scans are spread over the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// A scan that is predicted to take longer goes to the slow lane. Default: 10.
    pub slow_predicted_ms_min: u64,
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes { slow_predicted_ms_min: 10 }
    }
}

pub fn predict(expected: Expected) -> Cost {
    let time =
        Duration::from_micros(RECORD_US.saturating_mul(expected.records).saturating_add(SCAN_US));
    let weight = 1 + expected.records / RECORDS_PER_CREDIT;
    Cost { time, weight: u32::try_from(weight).unwrap_or(u32::MAX) }
}

impl Lanes {
    /// Any network probe makes a scan slow: its time is not ours to predict.
    pub fn choose(&self, cost: Cost, probes: u32) -> Lane {
        let slow = probes > 0 || cost.time > Duration::from_millis(self.slow_predicted_ms_min);
        if slow { Lane::Slow } else { Lane::Fast }
    }

    /// The fewest records that make a scan without probes slow.
    pub fn slow_records_min(&self) -> u64 {
        let is_slow = |records| {
            let cost = predict(Expected { records, probes: 0 });
            self.choose(cost, 0) == Lane::Slow
        };
        let (mut fast, mut slow) = (0, u64::MAX);
        if is_slow(fast) {
            return fast;
        }
        while 1 < slow - fast {
            let middle = fast + (slow - fast) / 2;
            *if is_slow(middle) { &mut slow } else { &mut fast } = middle;
        }
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(expected: Expected) -> Lane {
        Lanes::default().choose(predict(expected), expected.probes)
    }

    #[test]
    fn slow_above_ten_milliseconds() {
        assert_eq!(lane(Expected { records: 1_996, ..Expected::default() }), Lane::Fast);
        assert_eq!(lane(Expected { records: 1_997, ..Expected::default() }), Lane::Slow);
    }

    #[test]
    fn the_fewest_records_of_a_slow_scan_are_found() {
        for slow_predicted_ms_min in [0, 1, 10, 3_600_000] {
            let lanes = Lanes { slow_predicted_ms_min };
            let records = lanes.slow_records_min();
            let of = |records| lanes.choose(predict(Expected { records, probes: 0 }), 0);
            assert_eq!(of(records), Lane::Slow);
            assert!(records == 0 || of(records - 1) == Lane::Fast);
        }
        assert_eq!(Lanes::default().slow_records_min(), 1_997);
    }

    #[test]
    fn slow_with_a_probe() {
        assert_eq!(lane(Expected { probes: 1, ..Expected::default() }), Lane::Slow);
    }

    #[test]
    fn weight_counts_the_scan_and_its_records() {
        let weight = |records| predict(Expected { records, ..Expected::default() }).weight;
        assert_eq!([0, 63, 64, 6_400].map(weight), [1, 1, 2, 101]);
    }
}

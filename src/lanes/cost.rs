//! What scans cost, learned from those that are over.
//!
//! An asset that was scanned before is expected to cost what it did; any other one what the fleet does,
//! by its records and probes.

use std::time::Duration;

use super::line::Line;
use crate::model::{Cost, CostClass, Spent};

/// Before anything is measured: a scan without records, since load, check and write share their round
/// trips,
const SCAN_US: f64 = 20.0;
/// one record,
const RECORD_US: f64 = 5.0;
/// one network probe,
const PROBE_US: f64 = 100_000.0;
/// and the parts that check and write have in a scan.
const CHECK_SHARE: f64 = 0.3;
const WRITE_SHARE: f64 = 0.3;
/// What one scan counts beside those before it.
const RECENT: f64 = 1.0 / 256.0;
const PROBE_BOUNDS_US: (f64, f64) = (1.0, 6e7);
/// One credit for the scan and one for each so many records: the memory that it holds.
pub const RECORDS_PER_CREDIT: u64 = 64;

/// What is known of a scan before it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    pub records: u64,
    /// Network probes that the asked checks need.
    pub probes: u32,
    /// What scans of the asset cost before.
    pub history: CostClass,
}

/// What a scan costs if nothing but its size is known, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coefficients {
    pub scan_us: f64,
    pub record_us: f64,
    pub probe_us: f64,
}

/// Learns from each scan what the next ones cost. Pure: the same scans teach the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostModel {
    line: Line,
    probe_us: f64,
    check_share: f64,
    write_share: f64,
}

impl Default for CostModel {
    fn default() -> CostModel {
        CostModel {
            line: Line::starting(SCAN_US, RECORD_US),
            probe_us: PROBE_US,
            check_share: CHECK_SHARE,
            write_share: WRITE_SHARE,
        }
    }
}

impl CostModel {
    pub fn coefficients(&self) -> Coefficients {
        let Line { scan_us, record_us, .. } = self.line;
        Coefficients { scan_us, record_us, probe_us: self.probe_us }
    }

    /// Of an asset of which nothing but its size is known.
    pub fn prior_us(&self, records: u64, probes: u32) -> f64 {
        self.line.at(records as f64) + self.probe_us * f64::from(probes)
    }

    /// Of all checks.
    pub fn predict(&self, expected: Expected) -> Cost {
        let Expected { records, probes, history } = expected;
        let us = match history.is_known() {
            true => history.us(),
            false => self.prior_us(records, probes),
        };
        self.cost(us, history, weight(records))
    }

    /// Of that part of the checks: the snapshot is loaded and the outcome written all the same.
    pub fn predict_part(&self, expected: Expected, asked: f64) -> Cost {
        let whole = self.predict(expected);
        let left_out = self.check_share * (1.0 - asked.clamp(0.0, 1.0));
        let us = whole.time.as_secs_f64() * 1e6;
        Cost { write: whole.write, ..self.cost(us * (1.0 - left_out), whole.history, whole.weight) }
    }

    fn cost(&self, us: f64, history: CostClass, weight: u32) -> Cost {
        let time = |us: f64| Duration::from_nanos((us * 1e3) as u64);
        Cost { time: time(us), write: time(us * self.write_share), history, weight }
    }

    /// What an asset costs that has more or fewer records than when it was scanned.
    pub fn resized(&self, history: CostClass, before: u64, after: u64) -> CostClass {
        match history.is_known() && before != after {
            true => {
                let factor = self.prior_us(after, 0) / self.prior_us(before, 0);
                CostClass::of_us(history.us() * factor)
            }
            false => history,
        }
    }

    /// A scan of all checks is over.
    pub fn observe(&mut self, expected: Expected, spent: Spent) {
        let measured_us = spent.total_us();
        if measured_us == 0.0 {
            return;
        }
        self.observe_time(expected.records, expected.probes, measured_us);
        let follow = |share: &mut f64, us: u32| {
            *share += RECENT * (f64::from(us) / measured_us - *share);
        };
        follow(&mut self.check_share, spent.check_us);
        follow(&mut self.write_share, spent.write_us);
    }

    /// A scan is known to have cost that, in all.
    pub fn observe_time(&mut self, records: u64, probes: u32, measured_us: f64) {
        if probes == 0 {
            return self.line.observe(records as f64, measured_us);
        }
        // What remains is theirs: a probe waits for others, which tells nothing of records.
        let (least, most) = PROBE_BOUNDS_US;
        let rest_us = (measured_us - self.line.at(records as f64)) / f64::from(probes);
        let damped = rest_us.clamp(self.probe_us / 4.0, self.probe_us * 4.0);
        self.probe_us += RECENT * (damped - self.probe_us);
        self.probe_us = self.probe_us.clamp(least, most);
    }
}

/// Of a zone in shards no more is held than two of them, about.
const WEIGHED_RECORDS_MAX: u64 = 20_000;
/// The weight of a giant of whatever size.
pub const WEIGHT_MAX: u32 = (1 + WEIGHED_RECORDS_MAX / RECORDS_PER_CREDIT) as u32;

/// The credits of a scan: by the memory that it holds.
pub fn weight(records: u64) -> u32 {
    (1 + records.min(WEIGHED_RECORDS_MAX) / RECORDS_PER_CREDIT) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(records: u64) -> Expected {
        Expected { records, ..Expected::default() }
    }

    /// Numbers of [0, 1), the same for the same seed.
    fn dice(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// So many scans that cost that, give or take a factor of 2; sizes as zones have them.
    fn teach(model: &mut CostModel, scans: u32, scan_us: f64, record_us: f64, seed: u64) {
        let mut dice = dice(seed);
        for _ in 0..scans {
            let records = (2.0 * (dice() * 8.0).exp()) as u64;
            let noise = (2.0 * dice() - 1.0).exp2() / 1.08;
            model.observe_time(records, 0, (scan_us + record_us * records as f64) * noise);
        }
    }

    #[test]
    fn starts_with_first_estimates() {
        let cost = CostModel::default().predict(of(1_000));
        assert_eq!((cost.time, cost.weight), (Duration::from_micros(5_020), 16));
    }

    #[test]
    fn weight_counts_the_scan_and_its_records() {
        assert_eq!([0, 63, 64, 6_400].map(weight), [1, 1, 2, 101]);
    }

    #[test]
    fn history_counts_more_than_size() {
        let model = CostModel::default();
        let history = CostClass::of_us(900.0);
        let cost = model.predict(Expected { history, ..of(1_000) });
        assert!((cost.time.as_secs_f64() * 1e6 - 900.0).abs() < 1.0, "{cost:?}");
        let resized = model.resized(history, 1_000, 2_000).us();
        assert!((resized - 900.0 * 10_020.0 / 5_020.0).abs() < 2.0, "{resized}");
        assert_eq!(model.resized(CostClass::NONE, 1, 2), CostClass::NONE);
    }

    #[test]
    fn some_checks_cost_less_than_all_and_more_than_to_load() {
        let mut model = CostModel::default();
        let spent = Spent { load_us: 300, check_us: 600, write_us: 100 };
        (0..5_000).for_each(|_| model.observe(of(100), spent));
        let time = |asked| model.predict_part(of(100), asked).time.as_secs_f64();
        let whole = model.predict(of(100)).time.as_secs_f64();
        assert!((time(1.0) / whole - 1.0).abs() < 0.001);
        assert!((time(0.0) / whole - 0.4).abs() < 0.01, "load and write");
        assert!((time(0.5) / whole - 0.7).abs() < 0.01);
    }

    #[test]
    fn probes_are_learned_beside_records() {
        let mut model = CostModel::default();
        (0..5_000).for_each(|_| model.observe_time(0, 2, 40_020.0));
        let Coefficients { scan_us, probe_us, .. } = model.coefficients();
        assert!(scan_us == SCAN_US && (probe_us - 20_000.0).abs() < 100.0, "{probe_us}");
    }

    #[test]
    fn scans_that_are_all_alike_teach_what_they_cost() {
        let mut model = CostModel::default();
        (0..20_000).for_each(|_| model.observe_time(3, 0, 140.0));
        assert!((model.prior_us(3, 0) - 140.0).abs() < 5.0, "{:?}", model.coefficients());
    }

    proptest! {
        #[test]
        fn prediction_is_monotone_in_records(
            scans in prop::collection::vec((0..100_000_u64, 0.0..1e9_f64), 0..300),
            records in 0..2_000_000_u64, more in 1..1_000_000_u64,
        ) {
            let mut model = CostModel::default();
            scans.into_iter().for_each(|(records, us)| model.observe_time(records, 0, us));
            let (few, many) = (model.predict(of(records)), model.predict(of(records + more)));
            prop_assert!(Duration::ZERO < few.time && few.time < many.time, "{few:?} {many:?}");
            prop_assert!(few.weight <= many.weight && few.write <= few.time);
        }

        #[test]
        fn learning_converges_to_the_true_line_under_noise(
            scan_us in 10.0..500.0_f64, record_us in 0.5..50.0_f64, seed in any::<u64>(),
        ) {
            let mut model = CostModel::default();
            teach(&mut model, 30_000, scan_us, record_us, seed);
            for records in [2, 10, 1_000, 100_000] {
                let truth = scan_us + record_us * records as f64;
                let off = model.prior_us(records, 0) / truth;
                prop_assert!((0.85..1.15).contains(&off), "{records}: {off} {:?}", model.coefficients());
            }
        }

        #[test]
        fn an_outage_teaches_nothing(seed in any::<u64>(), length in 1..20_000_u32) {
            let mut model = CostModel::default();
            teach(&mut model, 20_000, 60.0, 4.0, seed);
            let before = model.coefficients();
            teach(&mut model, length, 60_000.0, 4_000.0, seed ^ 1);
            prop_assert_eq!(model.coefficients(), before);
        }
    }
}

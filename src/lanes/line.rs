//! A line through what was measured: so much a scan, and so much a record.

/// So many scans are remembered, about.
const REMEMBERED: f64 = 8_192.0;
/// What the line was before counts as so many scans without records, and as many with `ANCHOR_RECORDS`:
/// when all scans are alike, one of the two numbers is not to be seen in them.
const ANCHOR: f64 = 8.0;
const ANCHOR_RECORDS: f64 = 1_000.0;
/// Further away from the line a scan teaches only as much as this factor,
const DAMPED: f64 = 4.0;
/// and from here on nothing: that is an outage, or the clock.
const OUTLIER: f64 = 32.0;

const SCAN_US: std::ops::RangeInclusive<f64> = 0.1..=1e6;
const RECORD_US: std::ops::RangeInclusive<f64> = 0.001..=1e4;

/// Least squares of relative errors, in which what is long ago fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) scan_us: f64,
    pub(super) record_us: f64,
    sums: Sums,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    one: f64,
    x: f64,
    xx: f64,
    y: f64,
    xy: f64,
}

impl Sums {
    /// A large scan is as far from the line as a small one if it is off by the same factor.
    fn add(&mut self, x: f64, y: f64, weight: f64, about: f64) {
        let weight = weight / (about * about);
        self.one += weight;
        self.x += weight * x;
        self.xx += weight * x * x;
        self.y += weight * y;
        self.xy += weight * x * y;
    }

    fn fade(&mut self) {
        for sum in [&mut self.one, &mut self.x, &mut self.xx, &mut self.y, &mut self.xy] {
            *sum *= 1.0 - 1.0 / REMEMBERED;
        }
    }
}

impl Line {
    pub(super) fn starting(scan_us: f64, record_us: f64) -> Line {
        Line { scan_us, record_us, sums: Sums::default() }
    }

    pub(super) fn at(&self, records: f64) -> f64 {
        self.scan_us + self.record_us * records
    }

    pub(super) fn observe(&mut self, records: f64, measured_us: f64) {
        let expected = self.at(records);
        let factor = measured_us / expected;
        if !(1.0 / OUTLIER..=OUTLIER).contains(&factor) {
            return;
        }
        let damped = measured_us.clamp(expected / DAMPED, expected * DAMPED);
        self.sums.fade();
        self.sums.add(records, damped, 1.0, expected);
        let mut sums = self.sums;
        for records in [0.0, ANCHOR_RECORDS] {
            let here = self.at(records);
            sums.add(records, here, ANCHOR, here);
        }
        let Sums { one, x, xx, y, xy } = sums;
        let slope = (one * xy - x * y) / (one * xx - x * x);
        let slope = slope.clamp(*RECORD_US.start(), *RECORD_US.end());
        // The best of those that are left, with a slope that was bounded.
        self.scan_us = ((y - slope * x) / one).clamp(*SCAN_US.start(), *SCAN_US.end());
        let slope = (xy - self.scan_us * x) / xx;
        self.record_us = slope.clamp(*RECORD_US.start(), *RECORD_US.end());
    }
}

//! What a scan will cost, and which lane it takes. Pure; asked once, by the publisher of the event.

mod concurrency;
mod cost;
mod line;
mod work;

pub use concurrency::Concurrency;
pub use cost::{Coefficients, CostModel, Expected, RECORDS_PER_CREDIT, WEIGHT_MAX, weight};
pub use work::{Work, WorkPerSecond};

use crate::model::{CostClass, Lane};

/// How scans are spread over the lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lanes {
    /// A scan that is predicted to take longer goes to the slow lane. Default: 10.
    pub slow_predicted_ms_min: Threshold,
    /// What the slow lane is to have of the time of a worker, and with [`Threshold::Auto`] of all work.
    /// Default: 0.5.
    pub slow_share: f64,
}

/// From where on scans are slow, as it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    Millis(u64),
    /// So that the slow lane has its share of all work.
    Auto,
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes { slow_predicted_ms_min: Threshold::Millis(10), slow_share: 0.5 }
    }
}

impl Lanes {
    /// The border before anything is known of the fleet.
    pub fn border(&self) -> Border {
        match self.slow_predicted_ms_min {
            Threshold::Millis(ms) => Border { us: ms as f64 * 1e3 },
            Threshold::Auto => Border::default(),
        }
    }

    /// The border for that work.
    pub fn border_of(&self, work: &WorkPerSecond, present: Border) -> Border {
        match self.slow_predicted_ms_min {
            Threshold::Millis(_) => self.border(),
            Threshold::Auto => work.border(self.slow_share, present),
        }
    }
}

/// Between the lanes: a scan that costs more is slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Border {
    us: f64,
}

/// A slow asset is fast again below this part of the border: one that costs about as much stays where it
/// is.
const FAST_AGAIN: f64 = 0.8;
/// Whatever share of the work they are, scans below a millisecond hold up nobody, and those of a tenth of
/// a second do: they have about as many records as credits stand for.
const AUTO_US: (f64, f64) = (1e3, 1e5);

impl Default for Border {
    fn default() -> Border {
        Lanes::default().border()
    }
}

impl Border {
    /// What costs as much as that class, or more, is slow.
    fn auto(class: CostClass) -> Border {
        let just_below = CostClass::from_stored(class.stored().saturating_sub(1));
        Border { us: just_below.us().clamp(AUTO_US.0, AUTO_US.1) }
    }

    pub fn us(self) -> f64 {
        self.us
    }

    /// Any network probe makes a scan slow: its time is not ours to predict.
    pub fn choose(self, cost_us: f64, probes: u32) -> Lane {
        if 0 < probes || self.us < cost_us { Lane::Slow } else { Lane::Fast }
    }

    /// The lane of an asset that had this one before.
    pub fn keep(self, lane: Lane, cost_us: f64) -> Lane {
        let us = match lane {
            Lane::Fast => self.us,
            Lane::Slow => FAST_AGAIN * self.us,
        };
        Border { us }.choose(cost_us, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(expected: Expected) -> Lane {
        let model = CostModel::default();
        let us = model.prior_us(expected.records, expected.probes);
        Lanes::default().border().choose(us, expected.probes)
    }

    #[test]
    fn slow_above_ten_milliseconds() {
        assert_eq!(lane(Expected { records: 1_996, ..Expected::default() }), Lane::Fast);
        assert_eq!(lane(Expected { records: 1_997, ..Expected::default() }), Lane::Slow);
    }

    #[test]
    fn slow_with_a_probe() {
        assert_eq!(lane(Expected { probes: 1, ..Expected::default() }), Lane::Slow);
        let lanes =
            Lanes { slow_predicted_ms_min: Threshold::Millis(3_600_000), ..Lanes::default() };
        assert_eq!(lanes.border().choose(1.0, 1), Lane::Slow);
    }

    #[test]
    fn who_costs_about_as_much_as_the_border_stays() {
        let border = Border::default();
        let lanes = [7_900.0, 8_100.0, 10_000.0, 10_100.0]
            .map(|us| (border.keep(Lane::Fast, us), border.keep(Lane::Slow, us)));
        let (fast, slow) = (Lane::Fast, Lane::Slow);
        assert_eq!(lanes, [(fast, fast), (fast, slow), (fast, slow), (slow, slow)]);
    }
}

//! Many latencies, and what stands out of them.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A longer one counts as this.
const HOUR_US: u64 = 3_600_000_000;

pub(super) struct Latencies(Histogram<u64>);

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Latencies {
        let mut histogram = Histogram::new_with_bounds(1, HOUR_US, 3).expect("valid bounds");
        for latency in latencies {
            histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
        Latencies(histogram)
    }
}

impl Latencies {
    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// None: there are none.
    pub(super) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let us = (!self.0.is_empty()).then(|| self.0.value_at_quantile(share))?;
        Some(us as f64 / 1e3)
    }

    pub(super) fn mean_ms(&self) -> f64 {
        self.0.mean() / 1e3
    }

    pub(super) fn median_s(&self) -> Option<f64> {
        self.quantile_ms(0.5).map(|ms| ms / 1e3)
    }
}

/// The middle one; of an even number the greater of both in the middle. NaN of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A number for people.
pub(super) fn told(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "none".to_owned(), |number| format!("{number:.digits$}"))
}

//! What each scan of a flight cost of its time.

use std::time::Duration;

use crate::model::Lane;

/// A scan that is small, next to one of its size. A flight of the fast lane might have carried so many of
/// them in the same time: a zone that is alone in one did not cost the way to the database and back. One
/// of the slow lane is always nearly alone.
const FAST_SCANS_MIN: u64 = 64;

/// By the sizes of its scans, which are `all` together; a small scan has the size `small`.
pub(super) fn share(lane: Lane, took: Duration, size: u64, all: u64, small: u64) -> u32 {
    let all = match lane {
        Lane::Fast => all.max(FAST_SCANS_MIN * small),
        Lane::Slow => all.max(1),
    };
    us(took.mul_f64((size as f64 / all as f64).min(1.0)))
}

/// Up to an hour or so.
pub(super) fn us(length: Duration) -> u32 {
    u32::try_from(length.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scans_of_a_flight_share_it_by_size_and_a_small_one_pays_for_no_distance() {
        let share = |lane, size, of| share(lane, Duration::from_micros(6_400), size, of, 10);
        assert_eq!([10, 990].map(|size| share(Lane::Fast, size, 1_000)), [64, 6_336]);
        assert_eq!(share(Lane::Fast, 10, 10), 100);
        assert_eq!((share(Lane::Slow, 1, 1), share(Lane::Slow, 5, 0)), (6_400, 6_400));
        assert_eq!(us(Duration::from_secs(9_000)), u32::MAX);
    }
}

//! What each scan of a flight cost of its time.

use std::time::Duration;

use crate::model::{Lane, Ticket};

/// A flight of the fast lane might have carried so much in the same time: a zone that is alone in one did
/// not cost the way to the database and back. One of the slow lane is always nearly alone.
const FAST_WEIGHT_MIN: u64 = 64;

/// By the weight of its scans, which is `weight` together.
pub(super) fn share(lane: Lane, ticket: &Ticket, took: Duration, weight: u64) -> u32 {
    let weight = match lane {
        Lane::Fast => weight.max(FAST_WEIGHT_MIN),
        Lane::Slow => weight.max(1),
    };
    us(took.mul_f64((f64::from(ticket.weight) / weight as f64).min(1.0)))
}

/// Up to an hour or so.
pub(super) fn us(length: Duration) -> u32 {
    u32::try_from(length.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, Spent, UnixTime};

    #[test]
    fn the_scans_of_a_flight_share_it_by_weight_and_a_small_one_pays_for_no_distance() {
        let since = UnixTime::from_micros(0);
        let (spent, origin) = (Spent::default(), Origin::Agenda);
        let share = |lane, weight, of| {
            let ticket = Ticket {
                number: 0,
                owner: 0,
                weight,
                emitted_at: since,
                since,
                spent,
                handed_over: None,
                origin,
            };
            share(lane, &ticket, Duration::from_micros(6_400), of)
        };
        assert_eq!([1, 99].map(|weight| share(Lane::Fast, weight, 100)), [64, 6_336]);
        assert_eq!(share(Lane::Fast, 1, 1), 100);
        assert_eq!((share(Lane::Slow, 1, 1), share(Lane::Slow, 5, 0)), (6_400, 6_400));
        assert_eq!(us(Duration::from_secs(9_000)), u32::MAX);
    }
}

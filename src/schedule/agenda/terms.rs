//! What is promised to the assets of a plan, and when their scans may go out for that.

use std::time::Duration;

use super::ticks::{Ticks, length, ticks};
use crate::model::AssetId;

/// The promise is the cadence; a scan is to go out this share of it before, so that it is over in time.
const MARGIN: f64 = 0.02;
/// It may go out this share of the cadence before, if the pace has room: as long as that is not less
/// than 1 - 1 / buffer, nothing that the buffer allows is wasted.
const EARLY: f64 = 0.20;
/// Assets that were scanned together drift apart by up to this share, always to be scanned earlier.
const JITTER: f64 = 0.005;

/// A slot of a ring is a minute, or less of a cadence below a day.
const SLOT: Duration = Duration::from_secs(60);
const SLOTS_A_CADENCE: Ticks = 1_440;

/// What was scanned longer ago than so many cadences is as late as it can be.
const CADENCES_AGO_MAX: Ticks = 4;

/// The cadence of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    cadence: Ticks,
    /// Stamps before `changed_at` hold the longer of two promises.
    before: Ticks,
    changed_at: Ticks,
    slot: Ticks,
    /// From a scan until the next one may, or, by each of the two promises, has to go out.
    until_early: Ticks,
    until_target: Ticks,
    until_target_before: Ticks,
}

impl Terms {
    pub(super) fn new(cadence: Duration) -> Terms {
        Terms::of(ticks(cadence), ticks(cadence), 0)
    }

    fn of(cadence: Ticks, before: Ticks, changed_at: Ticks) -> Terms {
        let part = |length: Ticks, share: f64| (f64::from(length) * share) as Ticks;
        Terms {
            cadence,
            before,
            changed_at,
            slot: slot_of_cadence(cadence),
            until_early: part(cadence, 1.0 - EARLY),
            until_target: part(cadence, 1.0 - MARGIN),
            until_target_before: part(cadence.max(before), 1.0 - MARGIN),
        }
    }

    /// Everybody keeps what was promised, and has the new promise after the next scan.
    pub(super) fn change(&mut self, cadence: Duration, now: Ticks) {
        // A promise from before the last change may still be open.
        let is_open = now < self.changed_at.saturating_add(self.before.max(self.cadence));
        let before = if is_open { self.before.max(self.cadence) } else { self.cadence };
        *self = Terms::of(ticks(cadence), before, now);
    }

    pub(super) fn cadence(&self) -> Duration {
        length(self.cadence)
    }

    pub(super) fn cadence_ticks(&self) -> Ticks {
        self.cadence
    }

    pub(super) fn slot(&self) -> Ticks {
        self.slot
    }

    pub(super) fn slot_of(&self, position: Ticks) -> u32 {
        position / self.slot
    }

    pub(super) fn start_of(&self, slot: u32) -> Ticks {
        slot.saturating_mul(self.slot)
    }

    /// Whether an asset that was scanned then waits where these terms put it: before the last change it
    /// was put there by others.
    pub(super) fn placed(&self, stamp: Ticks) -> bool {
        self.changed_at <= stamp
    }

    fn promised(&self, stamp: Ticks) -> Ticks {
        if stamp < self.changed_at { self.cadence.max(self.before) } else { self.cadence }
    }

    /// The time in which all assets have to be scanned once.
    pub(super) fn period(&self) -> f64 {
        f64::from(self.cadence) * (1.0 - MARGIN)
    }

    /// When a scan has to go out.
    pub(super) fn target(&self, position: Ticks) -> Ticks {
        let is_before = position < self.changed_at;
        position.saturating_add(if is_before {
            self.until_target_before
        } else {
            self.until_target
        })
    }

    /// When the promise is broken.
    pub(super) fn promise(&self, stamp: Ticks) -> Ticks {
        stamp.saturating_add(self.promised(stamp))
    }

    /// From when on a scan may go out.
    pub(super) fn earliest(&self, position: Ticks) -> Ticks {
        position.saturating_add(self.until_early)
    }

    /// The time between target and promise, or that of a slot if it is longer.
    pub(super) fn slack(&self) -> f64 {
        (f64::from(self.cadence) * MARGIN).max(f64::from(self.slot))
    }

    /// Stamps before `.0` have been broken promises since `.1`; those from `.0` on since `.2`.
    pub(super) fn overdue(&self, now: Ticks) -> (Ticks, Ticks, Ticks) {
        let long = now.saturating_sub(self.cadence.max(self.before));
        (self.changed_at, long, now.saturating_sub(self.cadence))
    }

    /// Where an asset waits that was scanned at `stamp`.
    pub(super) fn position(&self, asset: AssetId, stamp: Ticks) -> Ticks {
        let jitter = unit(asset.route() ^ u64::from(stamp)) * JITTER * f64::from(self.cadence);
        stamp.saturating_sub(jitter as Ticks)
    }

    /// Where an asset waits that is due at `at`.
    pub(super) fn position_due(&self, at: f64) -> Ticks {
        (at - self.period()).max(0.0) as Ticks
    }

    /// The earliest place of a ring that is needed.
    pub(super) fn position_min(&self, now: Ticks) -> Ticks {
        now.saturating_sub(self.cadence.max(self.before).saturating_mul(CADENCES_AGO_MAX))
    }
}

fn slot_of_cadence(cadence: Ticks) -> Ticks {
    (cadence / SLOTS_A_CADENCE).clamp(1, ticks(SLOT))
}

/// A number of [0, 1) by a hash of `key`.
pub(super) fn unit(key: u64) -> f64 {
    let mixed = AssetId(key.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed()).route();
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Ticks = 864_000;

    #[test]
    fn a_longer_promise_is_kept_until_the_next_scan() {
        let mut terms = Terms::new(length(15 * DAY));
        terms.change(length(7 * DAY), 20 * DAY);
        assert_eq!(terms.promise(19 * DAY), 34 * DAY);
        assert_eq!(terms.promise(20 * DAY), 27 * DAY);
        // A second change while promises of 15 days are open.
        terms.change(length(DAY), 21 * DAY);
        assert_eq!(terms.promise(20 * DAY), 35 * DAY);
        assert_eq!(terms.promise(21 * DAY), 22 * DAY);
        // And one when none is.
        terms.change(length(2 * DAY), 40 * DAY);
        assert_eq!(terms.promise(39 * DAY), 41 * DAY);
    }

    #[test]
    fn jitter_is_earlier_and_within_the_margin() {
        let terms = Terms::new(length(7 * DAY));
        for asset in 0..1_000 {
            let position = terms.position(AssetId(asset), 30 * DAY);
            assert!(position <= 30 * DAY && 30 * DAY - position <= 7 * DAY / 200);
        }
    }

    #[test]
    fn slots_are_a_minute_or_less() {
        let slot = |cadence: u64| Terms::new(Duration::from_secs(cadence)).slot();
        assert_eq!((slot(7 * 86_400), slot(86_400), slot(1_440), slot(1)), (600, 600, 10, 1));
    }
}

//! What holds back scans: rates, credits and memory.

use std::time::Duration;

use super::Dispatcher;
use crate::model::{Cost, Lane, UnixTime};
use crate::schedule::{First, Held, HeldBack, Limits, Rate, TokenBucket};

/// What a pause earns below [`Limits::per_second_max`]: next to nothing, for it is a promise to others.
const LIMIT_BURST: Duration = Duration::from_millis(100);

impl Dispatcher {
    pub(super) fn limit(&mut self, limits: Limits) {
        self.settings.limits = limits;
        self.limit = limits.per_second_max.map(|per_second| {
            assert!(0.0 < per_second, "a rate is positive");
            TokenBucket::with_burst(per_second, LIMIT_BURST)
        });
    }

    /// Scans a second that go out at most; None: credits alone hold back.
    pub fn per_second_max(&self) -> Option<f64> {
        let rates = [self.rate_per_second(), self.settings.limits.per_second_max];
        rates.into_iter().flatten().reduce(f64::min)
    }

    /// The part of the rate that sinks and lanes can take, as they were [heard](Dispatcher::hear) last.
    pub fn throttle(&self) -> f64 {
        self.throttle.factor()
    }

    fn rate_per_second(&self) -> Option<f64> {
        match self.settings.rate {
            Rate::Max => None,
            Rate::PerSecond(rate) => Some(rate),
            Rate::Auto => Some(self.agenda.per_second()),
        }
    }

    /// Tells what the process holds now; None: that is not known, and limits nothing.
    pub fn uses_memory(&mut self, bytes: Option<u64>) {
        let limit = self.settings.limits.memory_max;
        self.is_over_memory = bytes.zip(limit).is_some_and(|(bytes, limit)| limit < bytes);
    }

    /// Whether memory lets nothing go out. With nothing under way one scan goes, or there would be
    /// no end to it.
    pub(super) fn waits_for_memory(&self) -> bool {
        self.is_over_memory && !self.open.is_empty()
    }

    /// A scan heavier than all credits goes out when the lane is empty: it would wait for ever. Those of
    /// assets that were never scanned have no pace, so it is their credits that follow the throttle.
    pub(super) fn has_credits(&self, lane: Lane, cost: Cost, is_new: bool) -> bool {
        let taken = self.taken[lane];
        let credits = f64::from(self.settings.credits[lane]);
        let credits = if is_new { credits * self.throttle.factor() } else { credits };
        taken == 0 || (taken + u64::from(cost.weight)) as f64 <= credits
    }

    /// What keeps back a scan of the lane that could go out now.
    pub fn held_back(&mut self, lane: Lane, now: UnixTime) -> Option<Held> {
        let First { cost, is_new, .. } = self.agenda.first(lane, now)?;
        let is_stopped = self.draining || self.settings.orders.is_paused;
        let may_go = self.until_token(now).is_zero() && !is_stopped;
        let reason = match may_go {
            true if self.waits_for_memory() => HeldBack::Memory,
            true if !self.has_credits(lane, cost, is_new) => HeldBack::Credits,
            _ => return None,
        };
        Some(Held { reason, is_new })
    }

    /// Takes what a set rate and the limit ask for, or nothing.
    pub(super) fn take_tokens(&mut self, now: UnixTime) -> bool {
        let paced = matches!(self.settings.rate, Rate::PerSecond(_));
        if paced && !self.bucket.take(now) {
            return false;
        }
        let may_go = self.limit.as_mut().is_none_or(|limit| limit.take(now));
        if paced && !may_go {
            self.bucket.put_back();
        }
        may_go
    }

    /// How long until a set rate and the limit allow a scan.
    pub(super) fn until_token(&self, now: UnixTime) -> Duration {
        let rate = match self.settings.rate {
            Rate::PerSecond(_) => self.bucket.until_next(now),
            Rate::Auto | Rate::Max => Duration::ZERO,
        };
        let limit = self.limit.as_ref().map_or(Duration::ZERO, |limit| limit.until_next(now));
        rate.max(limit)
    }
}

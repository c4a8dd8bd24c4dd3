//! What is tried for ever: counted, and said once in a while.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{IntCounter, IntGauge};

use crate::clock::Clock;
use crate::model::{Lane, UnixTime};

/// How often the same failure is said.
const PERIOD: Duration = Duration::from_secs(30);
/// Failures that are told apart; an outage has one or two.
const CAUSES_MAX: usize = 8;

/// Tries of one kind in one lane. Cloned freely; all clones are one.
#[derive(Clone, Debug)]
pub struct Tries {
    what: &'static str,
    lane: Lane,
    clock: Clock,
    retrying: IntGauge,
    failures: IntCounter,
    outage: Arc<Mutex<Outage>>,
}

/// Counts as being retried until it is dropped.
#[derive(Debug)]
pub struct Retrying(Tries);

impl Tries {
    /// `what` are several, such as `flushes`.
    pub(super) fn new(
        what: &'static str,
        lane: Lane,
        clock: Clock,
        retrying: IntGauge,
        failures: IntCounter,
    ) -> Tries {
        Tries { what, lane, clock, retrying, failures, outage: Arc::default() }
    }

    /// One try failed. Keep what is returned until one succeeds or nobody tries any more.
    #[must_use]
    pub fn failed(&self, before: Option<Retrying>, err: &(dyn Error + 'static)) -> Retrying {
        self.failures.inc();
        let mut outage = self.outage();
        if before.is_none() {
            self.retrying.inc();
            outage.retrying += 1;
        }
        if let Some(failures) = outage.failed(cause(err), self.clock.now()) {
            let (lane, what) = (self.lane, self.what);
            tracing::warn!(%lane, failures, error = err, "{what} fail and are tried again");
        }
        drop(outage);
        before.unwrap_or_else(|| Retrying(self.clone()))
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Retrying {
    /// What was tried again has succeeded.
    pub fn passed(self) {
        self.0.outage().has_passed = true;
    }
}

impl Drop for Retrying {
    fn drop(&mut self) {
        let Tries { what, lane, clock, retrying, .. } = &self.0;
        retrying.dec();
        if let Some((failures, lasted)) = self.0.outage().ended(clock.now()) {
            let seconds = lasted.as_secs_f64();
            tracing::info!(%lane, failures, seconds, "{what} succeed again");
        }
    }
}

/// What lies behind all the layers of an error: what happened, without who met it.
fn cause(err: &(dyn Error + 'static)) -> String {
    let mut last = err;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// From the first failure until all that failed has succeeded or is given up.
#[derive(Debug, Default)]
struct Outage {
    since: Option<UnixTime>,
    retrying: usize,
    failures: u64,
    has_passed: bool,
    /// When each cause was said last.
    said: Vec<(String, UnixTime)>,
}

impl Outage {
    /// How many failures there were, if that is to be said now.
    fn failed(&mut self, cause: String, now: UnixTime) -> Option<u64> {
        self.since.get_or_insert(now);
        self.failures += 1;
        match self.said.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, said)) if now.since(*said) < PERIOD => return None,
            Some((_, said)) => *said = now,
            None => {
                if self.said.len() == CAUSES_MAX {
                    self.said.remove(0);
                }
                self.said.push((cause, now));
            }
        }
        Some(self.failures)
    }

    /// One is no longer retried: what to say if it was the last, and something has succeeded.
    fn ended(&mut self, now: UnixTime) -> Option<(u64, Duration)> {
        self.retrying = self.retrying.saturating_sub(1);
        if self.retrying != 0 {
            return None;
        }
        let outage = std::mem::take(self);
        outage.has_passed.then_some((outage.failures, now.since(outage.since.unwrap_or(now))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_at_once_then_once_in_a_period_and_its_end_once() {
        let start = UnixTime::from_micros(1_000_000);
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut outage = Outage { retrying: 2, ..Outage::default() };
        let said: Vec<Option<u64>> = (0..70).map(|s| outage.failed("a".into(), after(s))).collect();
        let at: Vec<usize> = (0..70).filter(|second| said[*second].is_some()).collect();
        assert_eq!((at, said[30]), (vec![0, 30, 60], Some(31)));
        assert_eq!(outage.failed("b".into(), after(70)), Some(71), "another cause");
        assert_eq!(outage.failed("b".into(), after(71)), None);

        outage.has_passed = true;
        assert_eq!(outage.ended(after(72)), None, "another one is still tried");
        assert_eq!(outage.ended(after(75)), Some((72, Duration::from_secs(75))));
        assert_eq!(outage.failed("a".into(), after(76)), Some(1), "a new outage");
        outage.retrying = 1;
        assert_eq!(outage.ended(after(77)), None, "given up");
    }
}

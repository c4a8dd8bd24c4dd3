//! How the lanes share the time of a worker.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::model::UnixTime;

/// So long after its last work the fast lane is still at work: what is due goes out ten times a second.
const FAST_AT_WORK: Duration = Duration::from_millis(250);

/// No slow work asks for a longer pause than so much of it.
const PAUSED_FOR_MAX: Duration = Duration::from_secs(1);
/// How often it is looked whether the fast lane is still at work.
pub(super) const LOOK: Duration = FAST_AT_WORK;

/// What the operators of both lanes on one worker know of each other: nothing but the time. Cloned
/// freely; all clones are one.
#[derive(Clone, Debug)]
pub struct Turns(Rc<State>);

#[derive(Debug)]
struct State {
    slice: Duration,
    slow_share: f64,
    fast_worked_at: Cell<Option<UnixTime>>,
    slow_resumes_at: Cell<Option<UnixTime>>,
}

impl Turns {
    /// After a `slice` the other operators get a turn. While the fast lane has work, slow work has
    /// this share of the time, above 0 and at most 1.
    pub fn new(slice: Duration, slow_share: f64) -> Turns {
        Turns(Rc::new(State {
            slice,
            slow_share,
            fast_worked_at: Cell::default(),
            slow_resumes_at: Cell::default(),
        }))
    }

    pub(super) fn slice(&self) -> Duration {
        self.0.slice
    }

    pub(super) fn fast_works(&self, now: UnixTime) {
        self.0.fast_worked_at.set(Some(now));
    }

    /// How long slow work has to wait before it goes on.
    pub(super) fn slow_waits(&self, now: UnixTime) -> Duration {
        self.0.slow_resumes_at.get().map_or(Duration::ZERO, |at| at.since(now))
    }

    /// Slow work took so long until now.
    pub(super) fn slow_worked(&self, took: Duration, now: UnixTime) {
        if self.is_fast_at_work(took, now) {
            self.0.slow_resumes_at.set(Some(now + self.pause(took, 1)));
        }
    }

    /// A query of slow work took so long until now: how long it is until the next one, so that those of
    /// all `workers` together take the share of one connection. None: the database is theirs alone.
    pub(super) fn slow_pause(
        &self,
        took: Duration,
        workers: usize,
        now: UnixTime,
    ) -> Option<Duration> {
        self.is_fast_at_work(took, now).then(|| self.pause(took, workers))
    }

    /// Whether the fast lane is at work.
    pub(super) fn is_shared(&self, now: UnixTime) -> bool {
        self.is_fast_at_work(Duration::ZERO, now)
    }

    fn is_fast_at_work(&self, since: Duration, now: UnixTime) -> bool {
        self.0.fast_worked_at.get().is_some_and(|at| now.since(at) < since + FAST_AT_WORK)
    }

    fn pause(&self, took: Duration, workers: usize) -> Duration {
        // What took longer waited for a database that was away.
        took.min(PAUSED_FOR_MAX).mul_f64(workers as f64 / self.0.slow_share - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn slow_work_pauses_only_while_the_fast_lane_has_work() {
        let turns = Turns::new(MS, 0.25);
        let start = UnixTime::from_micros(1_000_000);
        turns.slow_worked(2 * MS, start);
        assert_eq!(turns.slow_waits(start), Duration::ZERO);
        turns.fast_works(start);
        turns.slow_worked(2 * MS, start + 2 * MS);
        assert_eq!(turns.slow_waits(start + 2 * MS), 6 * MS);
        assert_eq!(turns.slow_waits(start + 8 * MS), Duration::ZERO);
        assert_eq!(turns.slow_pause(2 * MS, 2, start + 8 * MS), Some(14 * MS));
        let after_an_outage = turns.slow_pause(Duration::from_secs(600), 2, start + 8 * MS);
        assert_eq!(after_an_outage, Some(Duration::from_secs(7)));
        let later = start + FAST_AT_WORK + 2 * MS;
        assert_eq!(turns.slow_pause(2 * MS, 2, later), None);
        turns.slow_worked(2 * MS, later);
        assert_eq!(turns.slow_waits(later), Duration::ZERO);
    }
}

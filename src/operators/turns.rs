//! How the lanes share the time of a worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use timely::scheduling::Activator;

use crate::model::UnixTime;

/// So long after its last work the fast lane is still at work: what is due goes out ten times a second.
const FAST_AT_WORK: Duration = Duration::from_millis(250);

/// No slow work asks for a longer pause than so much of it.
const PAUSED_FOR_MAX: Duration = Duration::from_secs(1);
/// How often it is looked whether the fast lane is still at work.
pub(super) const LOOK: Duration = FAST_AT_WORK;

/// What the operators of both lanes on one worker know of each other: when they work.
/// Cloned freely; all clones are one.
#[derive(Clone, Debug)]
pub struct Turns(Rc<State>);

#[derive(Debug)]
struct State {
    slice: Duration,
    slow_share: f64,
    fast_worked_at: Cell<Option<UnixTime>>,
    slow_resumes_at: Cell<Option<UnixTime>>,
    fast_reads: Cell<bool>,
    /// Of what reads for the slow lane.
    slow_reader: RefCell<Option<Activator>>,
}

/// Between two queries of slow work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    at_least_until: UnixTime,
    at_most_until: UnixTime,
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
            fast_reads: Cell::default(),
            slow_reader: RefCell::default(),
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

    /// Schedules the operator when the fast lane has nothing to read any more.
    pub(super) fn slow_reads(&self, reader: Activator) {
        *self.0.slow_reader.borrow_mut() = Some(reader);
    }

    /// Whether the fast lane reads from the database.
    pub(super) fn fast_reads(&self, reads: bool) {
        if self.0.fast_reads.replace(reads)
            && !reads
            && let Some(reader) = &*self.0.slow_reader.borrow()
        {
            reader.activate();
        }
    }

    /// A query of slow work took so long until now. Until the next one there is a pause such that those of
    /// all `workers` together take the share of one connection; it lasts up to twice as long while the fast
    /// lane reads. None: the database is theirs alone.
    pub(super) fn slow_pause(
        &self,
        took: Duration,
        workers: usize,
        now: UnixTime,
    ) -> Option<Pause> {
        self.is_fast_at_work(took, now).then(|| {
            let pause = self.pause(took, workers);
            Pause { at_least_until: now + pause, at_most_until: now + 2 * pause }
        })
    }

    /// How long it is at most until a pause is over.
    pub(super) fn rest(&self, pause: Pause, now: UnixTime) -> Duration {
        match now < pause.at_least_until {
            true => pause.at_least_until.since(now),
            false if self.0.fast_reads.get() => pause.at_most_until.since(now),
            false => Duration::ZERO,
        }
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
mod tests;

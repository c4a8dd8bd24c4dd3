//! Whether the workers live.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::UnixTime;

/// When each worker of this process last showed that it lives. Cloned freely; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Mutex<BTreeMap<usize, Arc<AtomicU64>>>>);

/// That of one worker; it counts until it is dropped.
#[derive(Debug)]
pub struct WorkerPulse {
    worker: usize,
    beaten_at: Arc<AtomicU64>,
    pulse: Pulse,
}

impl Pulse {
    /// A worker that lives from now on.
    pub fn of(&self, worker: usize, now: UnixTime) -> WorkerPulse {
        let beaten_at = Arc::new(AtomicU64::new(now.as_micros()));
        self.workers().insert(worker, Arc::clone(&beaten_at));
        WorkerPulse { worker, beaten_at, pulse: self.clone() }
    }

    /// How long ago each worker showed that it lives, by its index. Empty before the run and after.
    pub fn ages(&self, now: UnixTime) -> Vec<(usize, Duration)> {
        let age = |beaten_at: &Arc<AtomicU64>| {
            now.since(UnixTime::from_micros(beaten_at.load(Ordering::Relaxed)))
        };
        self.workers().iter().map(|(worker, beaten_at)| (*worker, age(beaten_at))).collect()
    }

    fn workers(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<AtomicU64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerPulse {
    pub fn beat(&self, now: UnixTime) {
        self.beaten_at.store(now.as_micros(), Ordering::Relaxed);
    }
}

impl Drop for WorkerPulse {
    fn drop(&mut self) {
        let mut workers = self.pulse.workers();
        if workers.get(&self.worker).is_some_and(|pulse| Arc::ptr_eq(pulse, &self.beaten_at)) {
            workers.remove(&self.worker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_micros(1_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_worker_ages_until_it_beats_and_counts_until_it_is_gone() {
        let pulse = Pulse::default();
        let (first, second) = (pulse.of(0, START), pulse.of(1, START));
        first.beat(START + 2 * SECOND);
        assert_eq!(pulse.ages(START + 3 * SECOND), [(0, SECOND), (1, 3 * SECOND)]);
        drop(second);
        let again = pulse.of(0, START);
        drop(first);
        assert_eq!(pulse.ages(START), [(0, Duration::ZERO)], "that of the next run stays");
        drop(again);
        assert_eq!(pulse.ages(START), []);
    }
}

//! What the operators of a process tell the source of how busy they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::schedule::Load;

/// Cloned freely; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Pressure(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    load: Load,
    /// Flushes that have failed and are tried again.
    retrying: usize,
    has_succeeded: bool,
}

/// Counts as being tried again until it is dropped.
#[derive(Debug)]
pub(super) struct Failing(Pressure);

impl Pressure {
    /// A flush of so many outcomes took so long, with all tries.
    pub(super) fn flushed(&self, outcomes: usize, took: Duration) {
        let mut state = self.state();
        state.load.flushed(outcomes, took);
        state.has_succeeded = true;
    }

    pub(super) fn failing(&self) -> Failing {
        self.state().retrying += 1;
        Failing(self.clone())
    }

    /// What was seen since this was asked last.
    pub(super) fn take(&self) -> Load {
        let mut state = self.state();
        let load = std::mem::take(&mut state.load);
        let has_succeeded = std::mem::take(&mut state.has_succeeded);
        Load { is_down: state.retrying != 0 && !has_succeeded, ..load }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.0.state().retrying -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_away_while_flushes_fail_and_none_succeeds() {
        let pressure = Pressure::default();
        assert!(!pressure.take().is_down);
        let failing = pressure.failing();
        assert!(pressure.take().is_down);
        pressure.flushed(3, Duration::from_millis(5));
        let load = pressure.take();
        assert!(!load.is_down, "another one has succeeded");
        assert_eq!(load.flushes[1], (1, Duration::from_millis(5)));
        assert_eq!(pressure.take(), Load { is_down: true, ..Load::default() });
        drop(failing);
        assert!(!pressure.take().is_down);
    }
}

//! What the source and the rest of the process tell each other while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timely::scheduling::SyncActivator;

use crate::model::UnixTime;
use crate::schedule::{AssetChange, Dispatcher, Progress, Reload};

/// News of the fleet and the settings on their way in, and the progress of the run on its way out. Cloned freely;
/// all clones are one feed.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "activators have none")]
pub struct Feed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    changes: Vec<AssetChange>,
    reload: Option<Reload>,
    progress: Option<Progress>,
    source: Option<SyncActivator>,
}

impl State {
    fn take(&mut self) -> (Vec<AssetChange>, Option<Reload>) {
        (std::mem::take(&mut self.changes), self.reload.take())
    }

    fn wake(&self) {
        if let Some(source) = &self.source {
            let _ = source.activate(); // an error means that its worker is gone already
        }
    }
}

impl Feed {
    /// Tells the source what has become of assets.
    pub fn tell(&self, changes: Vec<AssetChange>) {
        let mut state = self.state();
        state.changes.extend(changes);
        state.wake();
    }

    /// Tells the source what is set otherwise from now on.
    pub fn reload(&self, reload: Reload) {
        let mut state = self.state();
        state.reload = Some(reload);
        state.wake();
    }

    /// How the run went when the source last said so; None before it began.
    pub fn progress(&self) -> Option<Progress> {
        self.state().progress.clone()
    }

    pub(super) fn wake(&self, source: SyncActivator) {
        self.state().source = Some(source);
    }

    pub(super) fn deliver(&self, dispatcher: &mut Dispatcher, now: UnixTime) {
        // Taken first: who tells must not wait while they are applied.
        let (changes, reload) = self.state().take();
        reload.iter().for_each(|reload| dispatcher.reload(reload, now));
        changes.iter().for_each(|change| dispatcher.apply(change, now));
    }

    pub(super) fn report(&self, progress: Progress) {
        self.state().progress = Some(progress);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

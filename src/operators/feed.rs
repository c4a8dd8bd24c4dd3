//! What the source and the rest of the process tell each other while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timely::scheduling::SyncActivator;
use tokio::sync::Notify;

use super::loading::Loading;
use super::pressure::Pressure;
use crate::model::UnixTime;
use crate::schedule::{Answer, AssetChange, Dispatcher, Orders, Progress, Reload, Request};

/// On their way in: news of the fleet and the settings, and what somebody asks for. On their way out: the
/// progress of the run, and what came of requests. Cloned freely; all clones are one feed.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "activators have none")]
pub struct Feed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    has_answers: Notify,
    loading: Loading,
    pressure: Pressure,
}

#[derive(Default)]
struct State {
    news: News,
    answers: Vec<Answer>,
    progress: Option<Progress>,
    source: Option<SyncActivator>,
}

/// On its way in.
#[derive(Default)]
struct News {
    changes: Vec<AssetChange>,
    requests: Vec<Request>,
    reload: Option<Reload>,
    orders: Option<Orders>,
}

impl State {
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
        state.news.changes.extend(changes);
        state.wake();
    }

    /// Tells the source what is set otherwise from now on.
    pub fn reload(&self, reload: Reload) {
        let mut state = self.state();
        state.news.reload = Some(reload);
        state.wake();
    }

    /// Tells the source what people order.
    pub fn order(&self, orders: Orders) {
        let mut state = self.state();
        state.news.orders = Some(orders);
        state.wake();
    }

    /// Asks for scans.
    pub fn request(&self, requests: Vec<Request>) {
        let mut state = self.state();
        state.news.requests.extend(requests);
        state.wake();
    }

    /// Waits until there may be answers.
    pub async fn has_answers(&self) {
        self.0.has_answers.notified().await;
    }

    /// What came of requests since this was asked last.
    pub fn answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.state().answers)
    }

    /// What the operators `load` of this process note.
    pub fn loading(&self) -> Loading {
        self.0.loading.clone()
    }

    /// What the operators `write` of this process note.
    pub fn pressure(&self) -> Pressure {
        self.0.pressure.clone()
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
        let News { changes, requests, reload, orders } = std::mem::take(&mut self.state().news);
        reload.iter().for_each(|reload| dispatcher.reload(reload, now));
        changes.iter().for_each(|change| dispatcher.apply(change, now));
        orders.into_iter().for_each(|orders| dispatcher.order(orders, now));
        for request in requests {
            dispatcher.request(request, |place| self.0.loading.has_begun(place));
        }
    }

    pub(super) fn answer(&self, answers: Vec<Answer>) {
        if !answers.is_empty() {
            self.state().answers.extend(answers);
            self.0.has_answers.notify_one();
        }
    }

    pub(super) fn report(&self, progress: Progress) {
        self.state().progress = Some(progress);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

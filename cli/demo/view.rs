//! What the demo knows of itself, for whoever shows it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{Severity, UnixTime};
use scanflow::schedule::Progress;
use scanflow::store::postgres::history::{ChangeKind, InsightChange};

use super::scale::Scale;

/// Seconds of speed that are kept.
const SPEEDS_MAX: usize = 120;
/// Changes that are kept, of openings and of resolutions each.
const NEWEST_MAX: usize = 50;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Starting,
    Importing,
    Covering,
    Fresh,
    Stopping,
}

/// All that is shown, at one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) started: UnixTime,
    pub(super) now: UnixTime,
    pub(super) stage: Stage,
    /// Where the fleet is from.
    pub(super) fleet: String,
    pub(super) zones_stored: u64,
    pub(super) records_stored: u64,
    pub(super) progress: Option<Progress>,
    /// Scans of each second, the last one last.
    pub(super) speeds: VecDeque<u64>,
    /// The worst first.
    pub(super) open: Option<Vec<(Severity, i64)>>,
    /// The newest first.
    pub(super) opened: VecDeque<InsightChange>,
    pub(super) resolved: VecDeque<InsightChange>,
    /// Since the fleet was covered.
    pub(super) opened_count: u64,
    pub(super) resolved_count: u64,
    /// Zones that the demo broke, and those of them that it repaired.
    pub(super) broken: u64,
    pub(super) repaired: u64,
    pub(super) scale: Option<Scale>,
    pub(super) admin: Option<String>,
    /// From the start.
    pub(super) first_insight: Option<Duration>,
    pub(super) covered: Option<Duration>,
}

impl View {
    pub(super) fn new(fleet: String, started: UnixTime) -> View {
        View {
            started,
            now: started,
            stage: Stage::default(),
            fleet,
            zones_stored: 0,
            records_stored: 0,
            progress: None,
            speeds: VecDeque::new(),
            open: None,
            opened: VecDeque::new(),
            resolved: VecDeque::new(),
            opened_count: 0,
            resolved_count: 0,
            broken: 0,
            repaired: 0,
            scale: None,
            admin: None,
            first_insight: None,
            covered: None,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now.since(self.started)
    }

    /// Scans of the last full second.
    pub(super) fn speed(&self) -> u64 {
        self.speeds.back().copied().unwrap_or(0)
    }

    pub(super) fn add_speed(&mut self, per_second: u64) {
        self.speeds.push_back(per_second);
        if self.speeds.len() > SPEEDS_MAX {
            self.speeds.pop_front();
        }
    }

    /// Adds changes, the newest first, that came after those that are there.
    pub(super) fn add_changes(&mut self, changes: impl DoubleEndedIterator<Item = InsightChange>) {
        for change in changes.rev() {
            let list = match change.kind {
                ChangeKind::Opened | ChangeKind::Reopened => &mut self.opened,
                ChangeKind::Resolved => &mut self.resolved,
                ChangeKind::Changed => continue,
            };
            list.push_front(change);
            list.truncate(NEWEST_MAX);
        }
    }

    /// The newest opening or resolution.
    pub(super) fn newest(&self) -> Option<&InsightChange> {
        let (opened, resolved) = (self.opened.front(), self.resolved.front());
        opened.into_iter().chain(resolved).max_by_key(|change| change.at)
    }
}

/// The view that everybody in the demo writes to. Cloned freely; all clones are one.
#[derive(Clone, Debug)]
pub(super) struct Board {
    view: Arc<Mutex<View>>,
    clock: Clock,
}

impl Board {
    pub(super) fn new(fleet: String, clock: Clock) -> Board {
        Board { view: Arc::new(Mutex::new(View::new(fleet, clock.now()))), clock }
    }

    pub(super) fn change(&self, write: impl FnOnce(&mut View)) {
        write(&mut self.lock());
    }

    /// As it is now.
    pub(super) fn view(&self) -> View {
        let mut view = self.lock();
        view.now = self.clock.now();
        view.clone()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now().since(self.lock().started)
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

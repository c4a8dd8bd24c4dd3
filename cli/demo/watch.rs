//! Looks at a run and its database, and writes what it sees on the board.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{AssetId, UnixTime};
use scanflow::operators::Feed;
use scanflow::store::postgres::history::{self, ChangeKind, InsightChange};
use scanflow::store::postgres::status::open_by_severity;
use scanflow::store::postgres::{Database, DatabaseError};
use scanflow::telemetry::Telemetry;

use super::view::{Board, View};

/// Between two looks at the history until the first insight is there, and after it.
const FIRST: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_millis(400);
const SPEED: Duration = Duration::from_secs(1);

/// Rows of the history become visible so much later than they say, at most.
const LATE_MAX: Duration = Duration::from_secs(30);
/// Changes of one look.
const CHANGES_MAX: u32 = 10_000;
/// Of those that are shown while the fleet is covered, when thousands come a second.
const SHOWN_MAX: u32 = 20;

/// What is looked at, and who is told.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) database: &'a Database,
    pub(super) feed: &'a Feed,
    pub(super) board: &'a Board,
    pub(super) telemetry: &'a Telemetry,
}

impl Watch<'_> {
    /// Watches the first scan of everything, for ever.
    pub(super) async fn covering(self) -> Infallible {
        let Watch { database, board, .. } = self;
        let looking = async {
            loop {
                match history::latest(database, UnixTime::from_micros(0), SHOWN_MAX).await {
                    Ok(changes) => board.change(|view| {
                        view.opened.clear();
                        view.add_changes(changes.into_iter());
                    }),
                    Err(err) => missed(&err),
                }
                let elapsed = board.elapsed();
                let mut is_first = true;
                board.change(|view| {
                    is_first = view.opened.is_empty();
                    if !is_first {
                        view.first_insight.get_or_insert(elapsed);
                    }
                });
                tokio::time::sleep(if is_first { FIRST } else { LATER }).await;
            }
        };
        tokio::select! {
            never = looking => never,
            never = self.measuring() => never,
            never = self.counting() => never,
        }
    }

    /// Watches what opens and resolves from now on, for ever.
    pub(super) async fn keeping_fresh(self, clock: &Clock) -> Infallible {
        let Watch { database, board, .. } = self;
        let since = clock.now();
        let looking = async {
            let mut seen = Seen::after(since);
            loop {
                tokio::time::sleep(LATER).await;
                match history::latest(database, seen.since(), CHANGES_MAX).await {
                    Ok(changes) => board.change(|view| seen.add(changes, view)),
                    Err(err) => missed(&err),
                }
            }
        };
        tokio::select! {
            never = looking => never,
            never = self.measuring() => never,
            never = self.counting() => never,
        }
    }

    /// Progress, and scans of each second.
    async fn measuring(self) -> Infallible {
        let mut done = 0;
        loop {
            tokio::time::sleep(SPEED).await;
            let Some(progress) = self.feed.progress() else { continue };
            let returned = progress.returned.fast + progress.returned.slow;
            self.board.change(|view| {
                view.add_speed(returned - done);
                view.progress = Some(progress);
            });
            done = returned;
        }
    }

    async fn counting(self) -> Infallible {
        loop {
            match open_by_severity(self.database).await {
                Ok(open) => {
                    self.telemetry.insights_are_open(&open);
                    self.board.change(|view| view.open = Some(open));
                }
                Err(err) => missed(&err),
            }
            tokio::time::sleep(SPEED).await;
        }
    }
}

fn missed(err: &DatabaseError) {
    tracing::debug!(error = err as &dyn std::error::Error, "could not look at the database");
}

/// What tells a change from every other.
type Key = (UnixTime, AssetId, String, String, i64);

/// Changes that were seen already, as long as they may come again.
struct Seen {
    start: UnixTime,
    newest: UnixTime,
    changes: BTreeSet<Key>,
}

impl Seen {
    fn after(start: UnixTime) -> Seen {
        Seen { start, newest: start, changes: BTreeSet::new() }
    }

    /// From when on changes may not have been seen yet.
    fn since(&self) -> UnixTime {
        self.newest.before(LATE_MAX).map_or(self.start, |late| late.max(self.start))
    }

    /// `changes` of one look, the newest first.
    fn add(&mut self, changes: Vec<InsightChange>, view: &mut View) {
        let new: Vec<InsightChange> =
            changes.into_iter().filter(|change| self.changes.insert(key(change))).collect();
        for change in &new {
            self.newest = self.newest.max(change.at);
            match change.kind {
                ChangeKind::Opened | ChangeKind::Reopened => view.opened_count += 1,
                ChangeKind::Resolved => view.resolved_count += 1,
                ChangeKind::Changed => {}
            }
        }
        view.add_changes(new.into_iter());
        let first = (self.since(), AssetId(i64::MIN), String::new(), String::new(), i64::MIN);
        self.changes = self.changes.split_off(&first);
    }
}

fn key(change: &InsightChange) -> Key {
    let InsightChange { at, asset, check, subject, sequence, .. } = change;
    (*at, *asset, check.clone(), subject.clone(), *sequence)
}

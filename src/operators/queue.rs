//! The outcomes that wait for `write`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::emit::Held;
use super::line::Line;
use crate::model::{AssetId, Epoch, Outcome, Ticket, UnixTime};
use crate::sinks::{Finished, LargeOutcome};

/// How outcomes are gathered into flushes.
#[derive(Clone, Copy, Debug)]
pub struct WriteLimits {
    pub outcomes_max: usize,
    /// Findings of one flush, which exceed it by one outcome at most.
    pub bytes_max: u64,
    /// Flushes at a time.
    pub flights_max: usize,
    /// Some: a flush beside another one waits for the end of its epoch, but not longer than this.
    /// None: it waits for nothing, since an epoch of the slow lane may stay open for hours.
    pub group_commit_age_max: Option<Duration>,
}

pub(super) struct Waiting {
    pub(super) held: Held,
    pub(super) ticket: Ticket,
    pub(super) outcome: Finished,
    /// Of its findings.
    pub(super) bytes: u64,
    pub(super) since: UnixTime,
}

/// The outcomes of one flush.
pub(super) enum Batch {
    Held(Vec<Outcome>),
    /// Alone.
    Large(Arc<LargeOutcome>),
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        match self {
            Batch::Held(outcomes) => outcomes.len(),
            Batch::Large(_) => 1,
        }
    }
}

/// What stays on the worker while an outcome flies.
pub(super) struct Flying {
    pub(super) asset: AssetId,
    pub(super) held: Held,
    pub(super) ticket: Ticket,
    /// Of its findings.
    pub(super) bytes: u64,
}

/// Outcomes before their flight. `ready` holds at most one an asset, and none of an asset that
/// flies: so any batch cut from it is free of conflicts.
#[derive(Default)]
pub(super) struct Queue {
    ready: Line<Waiting>,
    ready_bytes: u64,
    /// The assets that are ready or fly, with the outcomes behind those.
    behind: HashMap<AssetId, VecDeque<Waiting>>,
}

impl Queue {
    pub(super) fn push(&mut self, waiting: Waiting) {
        match self.behind.get_mut(&waiting.outcome.asset()) {
            Some(behind) => behind.push_back(waiting),
            None => {
                self.behind.insert(waiting.outcome.asset(), VecDeque::new());
                self.make_ready(waiting);
            }
        }
    }

    fn make_ready(&mut self, waiting: Waiting) {
        self.ready_bytes += waiting.bytes;
        let ticket = waiting.ticket;
        self.ready.push(&ticket, waiting);
    }

    /// Whether a flush should leave now, beside so many others.
    pub(super) fn is_ripe(
        &self,
        limits: WriteLimits,
        flights: usize,
        now: UnixTime,
        is_closed: impl Fn(&Epoch) -> bool,
    ) -> bool {
        let Some(first) = self.ready.front() else { return false };
        let Some(age_max) = limits.group_commit_age_max else { return true };
        flights == 0
            || self.ready.requested() != 0
            || limits.outcomes_max <= self.ready.len()
            || limits.bytes_max <= self.ready_bytes
            || is_closed(first.held.time())
            || age_max <= now.since(first.since)
    }

    /// The outcomes of one flush, and what waits for each of them to land.
    pub(super) fn take(&mut self, limits: WriteLimits) -> (Batch, Vec<Flying>) {
        let large = self.ready.pop_front_if(|first| matches!(first.outcome, Finished::Large(_)));
        if let Some(Waiting { held, ticket, outcome, bytes, .. }) = large
            && let Finished::Large(large) = outcome
        {
            self.ready_bytes -= bytes;
            let asset = large.scan.asset;
            return (Batch::Large(large), vec![Flying { asset, held, ticket, bytes }]);
        }
        let mut bytes = 0;
        let fits = |waiting: &&Waiting| {
            let before = bytes;
            bytes += waiting.bytes;
            before < limits.bytes_max && matches!(waiting.outcome, Finished::Held(_))
        };
        // What somebody waits for does not wait for the others in its flush.
        let outcomes_max = match self.ready.requested() {
            0 => limits.outcomes_max,
            requested => requested.min(limits.outcomes_max),
        };
        let count = self.ready.iter().take(outcomes_max).take_while(fits).count();
        let (mut outcomes, mut flying) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for Waiting { held, ticket, outcome, bytes, .. } in self.ready.drain(count) {
            self.ready_bytes -= bytes;
            let asset = outcome.asset();
            if let Finished::Held(outcome) = outcome {
                outcomes.push(outcome);
                flying.push(Flying { asset, held, ticket, bytes });
            }
        }
        (Batch::Held(outcomes), flying)
    }

    pub(super) fn landed(&mut self, asset: AssetId) {
        let behind = self.behind.get_mut(&asset).and_then(VecDeque::pop_front);
        match behind {
            Some(next) => self.make_ready(next),
            None => drop(self.behind.remove(&asset)),
        }
    }

    pub(super) fn oldest(&self) -> Option<UnixTime> {
        self.ready.front().map(|waiting| waiting.since)
    }
}

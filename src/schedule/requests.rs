//! Scans that somebody asks for, until a scan answers them.

use std::collections::{HashMap, VecDeque};

use super::TokenBucket;
use crate::model::{Asked, AssetId, Cost, Lane, PerLane, UnixTime};

/// Of a lane's credits, so many times fewer are for what is asked for, beside the others: what is
/// scheduled may have taken all of them.
const CREDITS_SHARE: u32 = 8;

/// Somebody wants an asset scanned as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whoever asks knows it by this.
    pub id: i64,
    pub asset: AssetId,
    pub checks: Asked,
}

/// What comes of a request at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// The asset is scanned for it, as soon as may be.
    Queued,
    /// A scan of the asset that is to come, or has not loaded yet, answers it too.
    Joined,
    /// A scan that is under way may have read what was there before: another one follows.
    Again,
    /// There is no such asset.
    Unknown,
}

/// What came of a request in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub id: i64,
    /// The scan is over; else there is no such asset, or its scans are lost again and again.
    pub is_scanned: bool,
}

/// What is asked for, by assets: those that wait for their turn, and those that wait for the end of a
/// scan that came too early for them.
#[derive(Debug)]
pub(super) struct Requests {
    wanted: HashMap<AssetId, Wanted>,
    /// May hold assets that are not wanted any more.
    queues: PerLane<VecDeque<AssetId>>,
    bucket: TokenBucket,
    taken: PerLane<u64>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) checks: Asked,
    pub(super) ids: Vec<i64>,
    /// Not in a queue: a scan of the asset is under way.
    is_behind: bool,
}

impl Requests {
    pub(super) fn new(per_second: f64) -> Requests {
        Requests {
            wanted: HashMap::new(),
            queues: PerLane::default(),
            bucket: TokenBucket::new(per_second),
            taken: PerLane::default(),
            answers: Vec::new(),
        }
    }

    pub(super) fn set_rate(&mut self, per_second: f64, now: UnixTime) {
        self.bucket.set_rate(per_second, now);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Requests that wait for a scan to begin.
    pub(super) fn len(&self) -> usize {
        self.wanted.values().map(|wanted| wanted.ids.len()).sum()
    }

    /// The asset waits for its turn; true if it did before.
    pub(super) fn queue(&mut self, request: Request, lane: Lane) -> bool {
        let asset = request.asset;
        let joins = self.want(request, false);
        if !joins {
            self.queues[lane].push_back(asset);
        }
        joins
    }

    /// A scan of the asset is under way, and another one follows it.
    pub(super) fn again(&mut self, request: Request) {
        self.want(request, true);
    }

    fn want(&mut self, request: Request, is_behind: bool) -> bool {
        let Request { id, asset, checks } = request;
        match self.wanted.get_mut(&asset) {
            Some(wanted) => {
                wanted.checks.extend(checks);
                wanted.ids.push(id);
                true
            }
            None => {
                self.wanted.insert(asset, Wanted { checks, ids: vec![id], is_behind });
                false
            }
        }
    }

    /// The asset whose turn is next.
    pub(super) fn first(&mut self, lane: Lane) -> Option<AssetId> {
        let queue = &mut self.queues[lane];
        loop {
            let asset = *queue.front()?;
            if self.wanted.get(&asset).is_some_and(|wanted| !wanted.is_behind) {
                return Some(asset);
            }
            queue.pop_front();
        }
    }

    /// The asset has another lane by now.
    pub(super) fn move_first(&mut self, from: Lane, to: Lane) {
        if let Some(asset) = self.queues[from].pop_front() {
            self.queues[to].push_back(asset);
        }
    }

    /// A scan of the asset begins: what is wanted of it, if anything is.
    pub(super) fn take(&mut self, asset: AssetId) -> Option<Wanted> {
        if self.wanted.is_empty() { None } else { self.wanted.remove(&asset) }
    }

    /// A scan of the asset is over: if one was to follow it, its turn is next.
    pub(super) fn follow(&mut self, asset: AssetId, lane: Lane) {
        if let Some(wanted) = self.wanted.get_mut(&asset).filter(|wanted| wanted.is_behind) {
            wanted.is_behind = false;
            self.queues[lane].push_front(asset);
        }
    }

    /// Whether so much more may be under way, of a lane with these credits. Something always may.
    pub(super) fn has_credits(&self, lane: Lane, cost: Cost, credits: u32) -> bool {
        let taken = self.taken[lane];
        taken == 0 || taken + u64::from(cost.weight) <= u64::from(credits / CREDITS_SHARE)
    }

    pub(super) fn bucket(&mut self) -> &mut TokenBucket {
        &mut self.bucket
    }

    pub(super) fn emitted(&mut self, lane: Lane, cost: Cost) {
        self.taken[lane] += u64::from(cost.weight);
    }

    pub(super) fn returned(&mut self, lane: Lane, weight: u32) {
        self.taken[lane] -= u64::from(weight);
    }

    pub(super) fn answer(&mut self, ids: &[i64], is_scanned: bool) {
        self.answers.extend(ids.iter().map(|id| Answer { id: *id, is_scanned }));
    }

    pub(super) fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}

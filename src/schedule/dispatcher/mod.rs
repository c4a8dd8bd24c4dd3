//! Due assets in, scans with tickets out, tickets back.

use std::collections::HashMap;
use std::time::Duration;

use slab::Slab;

pub use self::lost::{LOST_AFTER, Lost};
use super::coverage::Coverage;
use super::requests::Requests;
use super::throttle::Throttle;
use super::{
    Agenda, AssetChange, Backlog, Ending, First, Front, LaneSplit, Load, Orders, Pacing,
    PlanProgress, Progress, Rate, Reload, Settings, Stats, Taken, TokenBucket,
};
use crate::model::{
    Asked, AssetId, Cost, Lane, Origin, PerLane, Reason, ScanEvent, ScanSequence, Spent, Ticket,
    UnixTime,
};

/// What so many tickets ask for is brought near at once: it lies anywhere in memory.
const RELEASED_TOGETHER: usize = 16;

/// The agenda, the rate, the credits of each lane and the tickets that are out. It lives on the
/// worker of the source.
///
/// Back-pressure is credits: a lane has so many, a scan takes its weight, its ticket brings it back.
#[derive(Debug)]
pub struct Dispatcher {
    settings: Settings,
    agenda: Agenda,
    bucket: TokenBucket,
    limit: Option<TokenBucket>,
    throttle: Throttle,
    is_over_memory: bool,
    draining: bool,
    issued: u64,
    taken: PerLane<u64>,
    open: Slab<Open>,
    requests: Requests,
    /// What went out last was asked for.
    was_requested: bool,
    /// How often the scan of an asset was lost since one came back.
    lost: HashMap<AssetId, u8>,
    coverage: Coverage,
    out: PerLane<u64>,
    backlog: Backlog,
    plans: Vec<PlanProgress>,
    lanes: LaneSplit,
    stats: Stats,
}

#[derive(Debug)]
struct Open {
    number: u64,
    asset: AssetId,
    taken: Taken,
    lane: Lane,
    cost: Cost,
    checks: Asked,
    origin: Origin,
    due_at: UnixTime,
    emitted_at: UnixTime,
    /// What its end answers.
    requests: Vec<i64>,
}

impl Dispatcher {
    /// # Panics
    /// If a rate is not positive: the configuration is checked before.
    pub fn new(settings: Settings, agenda: Agenda, now: UnixTime) -> Dispatcher {
        let limits = settings.limits;
        let mut dispatcher = Dispatcher {
            bucket: TokenBucket::new(1.0),
            limit: None,
            throttle: Throttle::default(),
            is_over_memory: false,
            draining: false,
            issued: 0,
            taken: PerLane::default(),
            open: Slab::new(),
            requests: Requests::new(settings.requests_per_second),
            was_requested: false,
            lost: HashMap::new(),
            coverage: Coverage::default(),
            out: PerLane::default(),
            backlog: Backlog::default(),
            plans: Vec::new(),
            lanes: LaneSplit::default(),
            stats: Stats::default(),
            settings,
            agenda,
        };
        let (pacing, front) = match dispatcher.settings.rate {
            Rate::Auto => (Pacing::ByNeed, Front::Early),
            Rate::Max | Rate::PerSecond(_) => (Pacing::Open, Front::Due),
        };
        dispatcher.agenda.paced(pacing, front);
        dispatcher.agenda.set_buffer(dispatcher.settings.buffer);
        match dispatcher.settings.ending {
            Ending::Drained => {}
            Ending::Once => dispatcher.agenda.make_all_due(),
            Ending::OnceDue => dispatcher.agenda.keep_due(now),
        }
        dispatcher.limit(limits);
        dispatcher.pace(now);
        dispatcher
    }

    /// Notes each scan that comes back: for runs that end before that takes much memory.
    pub fn keep_each(&mut self) {
        self.stats.each = Some(Vec::new());
    }

    /// Follows the settings, from now on.
    pub fn reload(&mut self, reload: &Reload, now: UnixTime) {
        self.settings.buffer = reload.buffer;
        self.requests.set_rate(reload.requests_per_second, now);
        self.agenda.set_buffer(reload.buffer);
        self.agenda.set_cadences(reload.cadences.clone(), now);
        if self.settings.limits != reload.limits {
            self.limit(reload.limits);
        }
        self.pace(now);
    }

    /// Follows what people order. A fleet is spread once for all orders since the last look.
    pub fn order(&mut self, orders: Orders, now: UnixTime) {
        if self.settings.orders.spreads < orders.spreads {
            self.agenda.spread(now);
        }
        self.settings.orders = orders;
        self.pace(now);
    }

    /// Follows the fleet. An asset that is under way is counted from that scan; with an end in
    /// sight nothing is added.
    pub fn apply(&mut self, change: &AssetChange, now: UnixTime) {
        if self.draining || self.settings.ending != Ending::Drained {
            return;
        }
        match change {
            AssetChange::Listed(listed) => self.agenda.insert(listed, now),
            AssetChange::Removed(asset) => self.agenda.remove(*asset),
        }
    }

    /// Follows what sinks and lanes can take, unless a rate is set.
    pub fn hear(&mut self, load: &Load, now: UnixTime) {
        if self.settings.rate == Rate::Auto && self.throttle.hear(load, now) {
            self.agenda.throttle(self.throttle.factor(), self.throttle.is_down());
        }
    }

    /// Looks at the backlog and sets the rate by it. Due once a second or so.
    pub fn pace(&mut self, now: UnixTime) {
        self.agenda.pace(now);
        self.backlog = self.agenda.backlog(now);
        self.plans = self.agenda.plans(now);
        self.lanes = self.agenda.lane_split();
        let never_scanned = self.plans.iter().map(|plan| plan.never_scanned).sum();
        self.coverage.look(never_scanned, now);
        if let Rate::PerSecond(per_second) = self.settings.rate {
            assert!(per_second > 0.0, "a rate is positive");
            self.bucket.set_rate(per_second, now);
        }
    }

    /// The scan that goes out next, of those whose lane has credits, if the rate allows; its ticket is
    /// open from now on. What is asked for goes before what is scheduled.
    pub fn next(&mut self, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        if self.draining || self.waits_for_memory() {
            return None;
        }
        // Below a limit that both share, in turns: a large request would take all of it for days.
        let is_turn_of_others = self.limit.is_some() && self.was_requested;
        let next = match is_turn_of_others {
            true => self.next_due(now).or_else(|| self.next_requested(now)),
            false => self.next_requested(now).or_else(|| self.next_due(now)),
        };
        let (ticket, _) = next.as_ref()?;
        self.was_requested = ticket.origin == Origin::Request;
        next
    }

    fn next_due(&mut self, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        if self.settings.orders.is_paused {
            return None;
        }
        let mut firsts = Lane::ALL.map(|lane| (lane, self.agenda.first(lane, now)));
        let age = |first: &Option<First>| first.map_or(f64::NEG_INFINITY, |f| f.age_in_cadences);
        firsts.sort_by(|(_, left), (_, right)| age(right).total_cmp(&age(left)));
        firsts.into_iter().find_map(|(lane, first)| self.next_scheduled(lane, &first?, now))
    }

    fn next_scheduled(
        &mut self,
        lane: Lane,
        first: &First,
        now: UnixTime,
    ) -> Option<(Ticket, ScanEvent)> {
        let First { asset, cost, over_promise, is_new, due_at, .. } = *first;
        if !self.has_credits(lane, cost, is_new) || !self.take_tokens(now) {
            return None;
        }
        let taken = self.agenda.take(first, now);
        self.taken[lane] += u64::from(cost.weight);
        self.stats.late += u64::from(1.0 < over_promise);
        self.stats.over_promise_max = self.stats.over_promise_max.max(over_promise);
        let wanted = self.requests.take(asset);
        let requests = wanted.map(|wanted| wanted.ids).unwrap_or_default();
        let open = Open {
            number: 0,
            asset,
            taken,
            lane,
            cost,
            checks: Asked::All,
            origin: Origin::Agenda,
            due_at: due_at.unwrap_or(now),
            emitted_at: now,
            requests,
        };
        Some(self.emit(open))
    }

    fn emit(&mut self, open: Open) -> (Ticket, ScanEvent) {
        let Open { asset, lane, cost, origin, emitted_at, .. } = open;
        self.out[lane] += 1;
        self.issued += 1;
        self.stats.emitted += 1;
        let checks = open.checks.clone();
        let place = self.open.vacant_entry();
        let number = Ticket::number(self.issued, place.key());
        place.insert(Open { number, ..open });
        let owner = self.settings.owner;
        let (weight, since, spent) = (cost.weight, emitted_at, Spent::default());
        let ticket =
            Ticket { number, owner, weight, emitted_at, since, spent, handed_over: None, origin };
        let event = ScanEvent {
            asset,
            sequence: ScanSequence(self.settings.sequence_start + self.issued),
            checks,
            reason: match origin {
                Origin::Request => Reason::Requested,
                Origin::Agenda | Origin::Kafka { .. } => Reason::Scheduled,
            },
            scheduled_at: emitted_at,
            cost,
            lane,
        };
        (ticket, event)
    }

    /// Emits nothing more. Returns how many assets were due.
    pub fn drain(&mut self, now: UnixTime) -> usize {
        self.draining = true;
        let Backlog { never_scanned, due, .. } = self.agenda.backlog(now);
        never_scanned + due
    }

    /// Whether the source may end. Both lanes count, because the fast one may hand scans over.
    pub fn is_over(&self) -> bool {
        let nothing_waits = Lane::ALL.into_iter().all(|lane| self.agenda.waiting(lane) == 0);
        let once = self.settings.ending != Ending::Drained;
        let nothing_is_out = self.open.is_empty() && self.requests.is_empty();
        self.draining || (once && nothing_is_out && nothing_waits)
    }

    /// How long until the next scan of the lane may go out; None if there is none.
    pub fn until_next(&mut self, lane: Lane, now: UnixTime) -> Option<Duration> {
        let requested = self.until_requested(lane, now);
        let is_paused = self.settings.orders.is_paused;
        let first = if is_paused { None } else { self.agenda.until_first(lane, now) };
        let scheduled = first.map(|first| first.max(self.until_token(now)));
        [requested, scheduled].into_iter().flatten().min()
    }

    /// Scans that were emitted and have not come back.
    pub fn open_tickets(&self) -> usize {
        self.open.len()
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// As of the last [`Dispatcher::pace`].
    pub fn progress(&self) -> Progress {
        Progress {
            assets: self.agenda.len(),
            plans: self.plans.clone(),
            backlog: self.backlog,
            out: self.out,
            returned: self.stats.returned,
            per_second_max: self.per_second_max(),
            throttle: self.throttle(),
            covered_in: self.coverage.left(),
            is_paused: self.settings.orders.is_paused,
            requests: self.requests.len(),
            lanes: self.lanes,
        }
    }
}

mod limits;
mod lost;
mod requested;
mod returned;
#[cfg(test)]
mod tests;

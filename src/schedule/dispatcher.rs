//! Due assets in, scans with tickets out, tickets back.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Agenda, AssetChange, Backlog, PlanProgress, Progress, Rate, Stats, TokenBucket};
use crate::model::{
    Asked, AssetId, Cost, Lane, Origin, PerLane, Reason, ScanEvent, ScanSequence, Ticket, UnixTime,
};

/// When the source gives up its capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At a drain only.
    Drained,
    /// When every asset was scanned once, due or not.
    Once,
    /// When every asset that is due at the start was scanned once.
    OnceDue,
}

/// What a dispatcher is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The index of this worker: tickets come back there.
    pub owner: u64,
    pub credits: PerLane<u32>,
    pub ending: Ending,
    pub rate: Rate,
    /// [`Rate::Auto`] is this times what the promises need.
    pub buffer: f64,
    /// Sequences count from here, above those of every earlier scheduler.
    pub sequence_start: u64,
    pub limits: Limits,
}

/// What nothing exceeds, whatever the rate is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub per_second_max: Option<f64>,
    /// Above so many bytes of the process nothing goes out as long as anything is under way.
    pub memory_max: Option<u64>,
}

/// What keeps back a scan that is due and allowed by the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBack {
    /// Its lane has no credits.
    Credits,
    /// The process has too much memory.
    Memory,
}

impl HeldBack {
    pub const fn name(self) -> &'static str {
        match self {
            HeldBack::Credits => "credits",
            HeldBack::Memory => "memory",
        }
    }
}

/// What a pause earns below [`Limits::per_second_max`]: next to nothing, for it is a promise to others.
const LIMIT_BURST: Duration = Duration::from_millis(100);

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
    is_over_memory: bool,
    draining: bool,
    issued: u64,
    taken: PerLane<u64>,
    open: HashMap<u64, Open>,
    under_way: HashSet<AssetId>,
    backlog: Backlog,
    plans: Vec<PlanProgress>,
    stats: Stats,
}

#[derive(Debug)]
struct Open {
    asset: AssetId,
    lane: Lane,
    emitted_at: UnixTime,
}

impl Dispatcher {
    /// # Panics
    /// If a rate is not positive: the configuration is checked before.
    pub fn new(settings: Settings, agenda: Agenda, now: UnixTime) -> Dispatcher {
        let limits = settings.limits;
        let mut dispatcher = Dispatcher {
            bucket: TokenBucket::new(1.0),
            limit: None,
            is_over_memory: false,
            draining: false,
            issued: 0,
            taken: PerLane::default(),
            open: HashMap::new(),
            under_way: HashSet::new(),
            backlog: Backlog::default(),
            plans: Vec::new(),
            stats: Stats::default(),
            settings,
            agenda,
        };
        match dispatcher.settings.ending {
            Ending::Drained => {}
            Ending::Once => dispatcher.agenda.make_all_due(),
            Ending::OnceDue => dispatcher.agenda.keep_due(now),
        }
        dispatcher.limit(limits);
        dispatcher.pace(now);
        dispatcher
    }

    fn limit(&mut self, limits: Limits) {
        self.settings.limits = limits;
        self.limit = limits.per_second_max.map(|per_second| {
            assert!(0.0 < per_second, "a rate is positive");
            TokenBucket::with_burst(per_second, LIMIT_BURST)
        });
    }

    /// Follows the fleet. An asset that is under way is counted from that scan; with an end in
    /// sight nothing is added.
    pub fn apply(&mut self, change: &AssetChange, now: UnixTime) {
        if self.draining || self.settings.ending != Ending::Drained {
            return;
        }
        match change {
            AssetChange::Listed(listed) => {
                self.agenda.insert(listed, now);
                if self.under_way.contains(&listed.asset) {
                    self.agenda.take(listed.asset);
                }
            }
            AssetChange::Removed(asset) => self.agenda.remove(*asset),
        }
    }

    /// Scans a second that go out at most; None: credits alone hold back.
    pub fn per_second_max(&self) -> Option<f64> {
        let rates = [self.rate_per_second(), self.settings.limits.per_second_max];
        rates.into_iter().flatten().reduce(f64::min)
    }

    fn rate_per_second(&self) -> Option<f64> {
        match self.settings.rate {
            Rate::Max => None,
            Rate::PerSecond(rate) => Some(rate),
            Rate::Auto => Some(self.auto_per_second()),
        }
    }

    /// Tells what the process holds now; None: that is not known, and limits nothing.
    pub fn uses_memory(&mut self, bytes: Option<u64>) {
        let limit = self.settings.limits.memory_max;
        self.is_over_memory = bytes.zip(limit).is_some_and(|(bytes, limit)| limit < bytes);
    }

    /// Whether memory lets nothing go out. With nothing under way one scan goes, or there would be
    /// no end to it.
    fn waits_for_memory(&self) -> bool {
        self.is_over_memory && !self.open.is_empty()
    }

    /// What the promises need in the long run, or now if more is due at once, with the buffer. What
    /// is late already follows within half of the shortest time between due and promised.
    fn auto_per_second(&self) -> f64 {
        let Backlog { overdue, need_per_second, .. } = self.backlog;
        let late = overdue as f64 / (self.agenda.slack_min() / 2).as_secs_f64().max(1.0);
        let steady = self.agenda.nominal_per_second().max(1.0);
        self.settings.buffer * steady.max(need_per_second + late)
    }

    /// Looks at the backlog and sets the rate by it. Due once a second or so, rarer with a huge backlog.
    pub fn pace(&mut self, now: UnixTime) {
        self.backlog = self.agenda.backlog(now);
        self.plans = self.agenda.plans(now);
        if let Some(per_second) = self.rate_per_second() {
            assert!(per_second > 0.0, "a rate is positive");
            self.bucket.set_rate(per_second, now);
        }
    }

    /// The scan that is due longest, of those whose lane has credits, if the rate allows; its ticket
    /// is open from now on.
    pub fn next(&mut self, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        let due = |lane| self.agenda.first(lane).map(|(_, due, _)| due);
        let mut lanes = Lane::ALL;
        lanes.sort_by_key(|lane| due(*lane));
        lanes.into_iter().find_map(|lane| self.next_of(lane, now))
    }

    /// A scan heavier than all credits goes out when the lane is empty: it would wait for ever.
    fn has_credits(&self, lane: Lane, cost: Cost) -> bool {
        let taken = self.taken[lane];
        let credits = u64::from(self.settings.credits[lane]);
        taken == 0 || taken + u64::from(cost.weight) <= credits
    }

    /// What keeps back a scan of the lane that could go out now.
    pub fn held_back(&self, lane: Lane, now: UnixTime) -> Option<HeldBack> {
        let (_, _, cost) = self.agenda.first(lane)?;
        let may_go = self.until_next(lane, now).is_some_and(|wait| wait.is_zero());
        match may_go && !self.draining {
            true if self.waits_for_memory() => Some(HeldBack::Memory),
            true if !self.has_credits(lane, cost) => Some(HeldBack::Credits),
            _ => None,
        }
    }

    fn next_of(&mut self, lane: Lane, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        let (asset, due, cost) = self.agenda.first(lane)?;
        if self.draining || now < due || self.waits_for_memory() || !self.has_credits(lane, cost) {
            return None;
        }
        if !self.take_tokens(asset, now) {
            return None;
        }
        self.agenda.take(asset);
        self.taken[lane] += u64::from(cost.weight);
        self.issued += 1;
        self.under_way.insert(asset);
        self.stats.emitted += 1;
        self.open.insert(self.issued, Open { asset, lane, emitted_at: now });
        let ticket = Ticket {
            number: self.issued,
            owner: self.settings.owner,
            weight: cost.weight,
            emitted_at: now,
            since: now,
            origin: Origin::Agenda,
        };
        let event = ScanEvent {
            asset,
            sequence: ScanSequence(self.settings.sequence_start + self.issued),
            checks: Asked::All,
            reason: Reason::Scheduled,
            scheduled_at: now,
            cost,
            lane,
        };
        Some((ticket, event))
    }

    /// Takes what the rate and the limit ask for, or nothing.
    fn take_tokens(&mut self, asset: AssetId, now: UnixTime) -> bool {
        let paced = self.is_paced(asset);
        if paced && !self.bucket.take(now) {
            return false;
        }
        let may_go = self.limit.as_mut().is_none_or(|limit| limit.take(now));
        if paced && !may_go {
            self.bucket.put_back();
        }
        may_go
    }

    /// Whether a scan of the asset needs a token of the rate.
    fn is_paced(&self, asset: AssetId) -> bool {
        match self.settings.rate {
            Rate::Max => false,
            Rate::PerSecond(_) => true,
            Rate::Auto => self.agenda.was_scanned(asset),
        }
    }

    /// Takes a ticket back: its scan is durable. Returns how long that took since it was emitted.
    ///
    /// # Panics
    /// If it is not open: an operator answered one scan twice, and credits no longer mean anything.
    pub fn release(&mut self, ticket: &Ticket, now: UnixTime) -> Duration {
        let open = self.open.remove(&ticket.number).expect("a ticket comes back exactly once");
        self.taken[open.lane] -= u64::from(ticket.weight);
        self.under_way.remove(&open.asset);
        self.stats.returned[open.lane] += 1;
        let took = now.since(open.emitted_at);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.stats.latency_us.saturating_record(took_us);
        if self.settings.ending == Ending::Drained && !self.draining {
            self.agenda.rearm(open.asset, open.emitted_at);
        } else {
            self.agenda.scanned(open.asset, open.emitted_at);
        }
        took
    }

    /// Gives back what was not emitted, and emits nothing more. Returns how many assets were due.
    pub fn drain(&mut self, now: UnixTime) -> usize {
        self.draining = true;
        let Backlog { never_scanned, due, .. } = self.agenda.backlog(now);
        self.agenda.clear();
        never_scanned + due
    }

    /// Whether the source may end. Both lanes count, because the fast one may hand scans over.
    pub fn is_over(&self) -> bool {
        let nothing_waits = Lane::ALL.into_iter().all(|lane| self.agenda.waiting(lane) == 0);
        let once = self.settings.ending != Ending::Drained;
        self.draining || (once && self.open.is_empty() && nothing_waits)
    }

    /// How long until the next scan of the lane may go out; None if there is none.
    pub fn until_next(&self, lane: Lane, now: UnixTime) -> Option<Duration> {
        let (asset, due, _) = self.agenda.first(lane)?;
        let wait = due.since(now);
        let limit = self.limit.as_ref().map_or(Duration::ZERO, |limit| limit.until_next(now));
        let paced = self.is_paced(asset);
        let rate = if paced { self.bucket.until_next(now) } else { Duration::ZERO };
        Some(wait.max(rate).max(limit))
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
        let mut out = PerLane::default();
        self.open.values().for_each(|open| out[open.lane] += 1);
        Progress {
            assets: self.agenda.len(),
            plans: self.plans.clone(),
            backlog: self.backlog,
            out,
            returned: self.stats.returned,
            per_second_max: self.per_second_max(),
        }
    }
}

#[cfg(test)]
mod tests;

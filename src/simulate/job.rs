//! The scheduler of the job, with somebody who brings the tickets back.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::fleet::{Fleet, id};
use super::report::{PlanReport, Throttled};
use super::scenario::Sinks;
use super::timeline::scaled;
use crate::lanes::Lanes;
use crate::model::{AssetId, Lane, PerLane, Ticket, UnixTime};
use crate::schedule::{
    Agenda, AssetChange, Cadences, Dispatcher, Ending, HeldBack, Limits, Listed, Load, Orders,
    PlanProgress, Rate, Reload, Settings,
};

/// A buffer as most have it.
const BUFFER: f64 = 1.2;
/// Nobody asks for anything.
const REQUESTS_PER_SECOND: f64 = 1.0;
/// Every asset is of the fast lane, and has a weight of 1.
const RECORDS: u64 = 3;
/// The scheduler works with a margin of 2 percent: above this part of count / cadence it catches up.
const CATCHES_UP: f64 = 1.03;
/// Below so many scans a second the alarm of the operator is followed, also within a second.
const ALARM_PER_SECOND_MAX: f64 = 32.0;
/// Outcomes are flushed once a second, in so long if nothing is slow.
const FLUSH: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_secs(1);
/// Ages of a plan are known up to a thousandth.
const AGE_ERROR: f64 = 0.001;

/// An agenda without assets.
pub(super) fn agenda(fleet: &Fleet, assets: u64, now: UnixTime) -> Agenda {
    let mut agenda = Agenda::new(cadences(fleet), Lanes::default(), now);
    agenda.reserve(usize::try_from(assets).unwrap_or(usize::MAX));
    agenda
}

#[derive(Debug)]
pub(super) struct Job {
    dispatcher: Dispatcher,
    /// By when their outcomes are durable, the earliest first.
    under_way: VecDeque<(u64, Ticket)>,
    /// Since the second before.
    durable: Vec<Ticket>,
    latency_s: u64,
    /// What slow sinks may take by now.
    allowed: f64,
    nominal_per_second: f64,
    /// Something was due and had no credits, when the second before ended.
    is_full: bool,
    throttle: Throttled,
    /// Zones of an account that came with everything due.
    account: Range<u64>,
    account_plan: usize,
    account_emitted: u64,
    late_others: u64,
    /// By the numbers of plans.
    late: Vec<u64>,
    last_outside: Vec<Option<u64>>,
}

/// What a minute was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) nominal_per_second: f64,
    pub(super) catches_up: bool,
}

impl Job {
    /// As the job does it at its start: what was scanned together is parted first.
    pub(super) fn start(mut agenda: Agenda, sinks: &Sinks, fleet: &Fleet, now: UnixTime) -> Job {
        agenda.spread(now);
        let assets = agenda.len() as u64;
        let credits = sinks.credits.map_or(u64::MAX, |credits| scaled(credits.into(), assets));
        let settings = Settings {
            owner: 0,
            credits: PerLane::from_fn(|_| u32::try_from(credits).unwrap_or(u32::MAX)),
            ending: Ending::Drained,
            rate: Rate::Auto,
            buffer: BUFFER,
            requests_per_second: REQUESTS_PER_SECOND,
            sequence_start: 0,
            limits: Limits::default(),
            orders: Orders::default(),
        };
        let dispatcher = Dispatcher::new(settings, agenda, now);
        let mut job = Job {
            dispatcher,
            under_way: VecDeque::new(),
            durable: Vec::new(),
            latency_s: sinks.latency.0.as_secs().max(1),
            allowed: 0.0,
            nominal_per_second: 0.0,
            is_full: false,
            throttle: Throttled { least: 1.0, length: Duration::ZERO },
            account: 0..0,
            account_plan: 0,
            account_emitted: 0,
            late_others: 0,
            late: vec![0; fleet.plans.len()],
            last_outside: vec![None; fleet.plans.len()],
        };
        job.nominal_per_second = nominal_per_second(&job.dispatcher.progress().plans);
        job
    }

    /// A second of the job, in the order of the operator. `slow`: the part of what the cadences need
    /// that the sinks take.
    pub(super) fn step(
        &mut self,
        second: u64,
        now: UnixTime,
        slow: Option<f64>,
        fleet: &Fleet,
    ) -> u32 {
        self.allowed = match slow {
            Some(share) => self.allowed.min(1.0) + share * self.nominal_per_second,
            None => f64::INFINITY,
        };
        while 1.0 <= self.allowed {
            let Some((_, ticket)) = self.under_way.pop_front_if(|(until, _)| *until <= second)
            else {
                break;
            };
            self.durable.push(ticket);
            self.allowed -= 1.0;
        }
        self.dispatcher.release_all(&self.durable, now, |_, _| {});
        self.hear(self.durable.len(), slow, now);
        self.durable.clear();
        self.dispatcher.pace(now);
        let mut emitted = self.emit(second, now, fleet);
        // A pause earns two seconds of tokens, and not less than one token: a flow with less than one
        // scan a second loses some if nobody asks in time. The operator's alarm asks in time.
        let mut at = now;
        while self.nominal_per_second < ALARM_PER_SECOND_MAX {
            let waits = Lane::ALL.map(|lane| self.dispatcher.until_next(lane, at));
            let wait = waits.into_iter().flatten().filter(|wait| !wait.is_zero()).min();
            let Some(next) = wait.map(|wait| at + wait).filter(|next| *next < now + SECOND) else {
                break;
            };
            at = next;
            emitted += self.emit(second, at, fleet);
        }
        let held = self.dispatcher.held_back(Lane::Fast, now);
        self.is_full = held.is_some_and(|held| held.reason == HeldBack::Credits && !held.is_new);
        emitted
    }

    /// Sinks that are slow take as long for what they take as their part of the rate says.
    fn hear(&mut self, flushed: usize, slow: Option<f64>, now: UnixTime) {
        let mut load = Load { is_down: slow == Some(0.0), ..Load::default() };
        if flushed != 0 {
            let slow = slow.map(|share| flushed as f64 / (share * self.nominal_per_second));
            load.flushed(flushed, slow.map_or(FLUSH, Duration::from_secs_f64).max(FLUSH));
        }
        if self.is_full {
            load.without_credits = SECOND;
        }
        self.dispatcher.hear(&load, now);
        let throttle = self.dispatcher.throttle();
        self.throttle.least = self.throttle.least.min(throttle);
        if throttle < 1.0 {
            self.throttle.length += SECOND;
        }
    }

    fn emit(&mut self, second: u64, now: UnixTime, fleet: &Fleet) -> u32 {
        let mut emitted = 0;
        let mut late = self.dispatcher.stats().late;
        while let Some((ticket, event)) = self.dispatcher.next(now) {
            self.under_way.push_back((second + self.latency_s, ticket));
            emitted += 1;
            let is_late = late < self.dispatcher.stats().late;
            if is_late || !self.account.is_empty() {
                late = self.dispatcher.stats().late;
                self.note(event.asset, is_late, fleet);
            }
        }
        emitted
    }

    fn note(&mut self, asset: AssetId, is_late: bool, fleet: &Fleet) {
        let asset = asset.0.cast_unsigned();
        let is_of_account = self.account.contains(&asset);
        self.account_emitted += u64::from(is_of_account);
        if is_late {
            let plan = if is_of_account { self.account_plan } else { fleet.plan(asset) };
            self.late[plan] += 1;
            self.late_others += u64::from(!is_of_account);
        }
    }

    pub(super) fn list_new(&mut self, asset: u64, plan: &str, now: UnixTime) {
        let change = AssetChange::Listed(listed(asset, Fleet::account(asset), plan, None));
        self.dispatcher.apply(&change, now);
    }

    /// An account comes whose zones were all scanned at once.
    pub(super) fn list_account(
        &mut self,
        zones: Range<u64>,
        (plan, name): (usize, &str),
        scheduled_at: UnixTime,
        now: UnixTime,
    ) {
        for zone in zones.clone() {
            let listed = listed(zone, zones.start, name, Some(scheduled_at));
            self.dispatcher.apply(&AssetChange::Listed(listed), now);
        }
        (self.account, self.account_plan) = (zones, plan);
    }

    pub(super) fn set_cadences(&mut self, fleet: &Fleet, now: UnixTime) {
        let reload = Reload {
            cadences: cadences(fleet),
            buffer: BUFFER,
            requests_per_second: REQUESTS_PER_SECOND,
            limits: Limits::default(),
        };
        self.dispatcher.reload(&reload, now);
    }

    /// Looks at how the plans are at the end of a minute.
    pub(super) fn look(&mut self, minute: u64, now: UnixTime, fleet: &Fleet) -> Seen {
        let progress = self.dispatcher.progress();
        self.nominal_per_second = nominal_per_second(&progress.plans);
        for plan in &progress.plans {
            let is_outside = plan.oldest.is_some_and(|oldest| {
                let age = now.since(oldest).as_secs_f64();
                plan.cadence.as_secs_f64() * (1.0 + AGE_ERROR) < age
            });
            if is_outside {
                self.last_outside[fleet.number(&plan.plan)] = Some(minute);
            }
        }
        let per_second = progress.per_second_max.unwrap_or_default();
        let catches_up = CATCHES_UP * self.nominal_per_second < per_second;
        Seen { nominal_per_second: self.nominal_per_second, catches_up }
    }

    /// All tickets come back, and what is overdue now is late.
    pub(super) fn end(mut self, now: UnixTime, events_end: u64, fleet: &Fleet) -> Ended {
        let under_way: Vec<Ticket> = self.under_way.drain(..).map(|(_, ticket)| ticket).collect();
        self.dispatcher.release_all(&under_way, now, |_, _| {});
        self.dispatcher.pace(now);
        let (progress, stats) = (self.dispatcher.progress(), self.dispatcher.stats());
        let mut oldest_over_cadence = stats.over_promise_max;
        let mut overdue = 0;
        for plan in progress.plans.iter().filter(|plan| plan.overdue != 0) {
            overdue += plan.overdue;
            self.late[fleet.number(&plan.plan)] += plan.overdue;
            let age = plan.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
            let over = age.as_secs_f64() / plan.cadence.as_secs_f64();
            oldest_over_cadence = oldest_over_cadence.max(over);
        }
        // Zones of the account that never went out have been overdue since they came.
        let zones = self.account.end - self.account.start;
        let of_account = zones.saturating_sub(self.account_emitted);
        let plan = |(number, plan): (usize, &super::fleet::Plan)| PlanReport {
            plan: plan.name.clone(),
            late: self.late[number],
            outside_for: self.last_outside[number]
                .and_then(|minute| (minute * 60 + 60).checked_sub(events_end))
                .filter(|seconds| *seconds != 0)
                .map(Duration::from_secs),
        };
        Ended {
            assets: progress.assets as u64,
            scans: stats.emitted,
            late: stats.late + overdue,
            late_others: self.late_others + overdue.saturating_sub(of_account),
            oldest_over_cadence,
            throttle: self.throttle,
            plans: fleet.plans.iter().enumerate().map(plan).collect(),
        }
    }
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) assets: u64,
    pub(super) scans: u64,
    pub(super) late: u64,
    pub(super) late_others: u64,
    pub(super) oldest_over_cadence: f64,
    pub(super) throttle: Throttled,
    pub(super) plans: Vec<PlanReport>,
}

fn cadences(fleet: &Fleet) -> Cadences {
    Cadences::with(fleet.plans.iter().map(|plan| (plan.name.clone(), plan.cadence)))
}

pub(super) fn listed(
    asset: u64,
    account: u64,
    plan: &str,
    scheduled_at: Option<UnixTime>,
) -> Listed {
    let (asset, account, plan) = (id(asset), id(account), plan.to_owned());
    Listed { asset, account, plan, scheduled_at, records: RECORDS, measured: None }
}

fn nominal_per_second(plans: &[PlanProgress]) -> f64 {
    plans.iter().map(|plan| plan.assets as f64 / plan.cadence.as_secs_f64()).sum()
}

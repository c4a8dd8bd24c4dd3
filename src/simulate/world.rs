//! The world of a scenario: virtual seconds, and what happens in them.

use std::ops::ControlFlow;
use std::time::Duration;

use super::fleet::{ASSETS_AN_ACCOUNT, Fleet, Member, id};
use super::job::{self, Job};
use super::minutes::Minute;
use super::old::{self, Old};
use super::report::{PlanReport, Report};
use super::scenario::{Scenario, Scheduler, What};
use super::timeline::{Timeline, scaled};
use crate::model::UnixTime;
use crate::schedule::Filling;

const DAY_S: u64 = 86_400;
/// Some day.
const START: UnixTime = UnixTime::from_micros(20_000 * DAY_S * 1_000_000);
/// Progress is told as often.
const TOLD_ASSETS: u64 = 1 << 16;
const TOLD_S: u64 = 600;

/// What a scenario is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub assets: u64,
    pub days: u32,
}

/// How far a simulation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoFar {
    pub stage: Stage,
    pub done: u64,
    pub of: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Assets are added.
    Filling,
    /// Virtual seconds pass.
    Running,
}

/// Whoever was told of the progress had enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulation was stopped")]
pub struct Stopped;

/// Runs a scenario from its start to its end.
pub fn simulate(
    scenario: &Scenario,
    size: Size,
    on_progress: &mut dyn FnMut(SoFar) -> ControlFlow<()>,
) -> Result<Report, Stopped> {
    let mut tell = |stage, done, of| match on_progress(SoFar { stage, done, of }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stopped),
    };
    let mut world = World::fill(scenario, size, &mut tell)?;
    let seconds = u64::from(size.days) * DAY_S;
    for second in 0..seconds {
        if second % TOLD_S == 0 {
            tell(Stage::Running, second, seconds)?;
        }
        world.second(second);
    }
    tell(Stage::Running, seconds, seconds)?;
    Ok(world.end(size, seconds))
}

#[derive(Debug)]
struct World<'s> {
    fleet: Fleet,
    timeline: Timeline<'s>,
    events_end: u64,
    assets: u64,
    /// None: the old scheduler alone.
    job: Option<Job>,
    old: Old,
    minutes: Vec<Minute>,
    old_minutes: Vec<u64>,
    emitted: u32,
    is_disturbed: bool,
    next_asset: u64,
}

impl<'s> World<'s> {
    fn fill(
        scenario: &'s Scenario,
        size: Size,
        tell: &mut dyn FnMut(Stage, u64, u64) -> Result<(), Stopped>,
    ) -> Result<World<'s>, Stopped> {
        let fleet = Fleet::new(&scenario.fleet);
        let timeline = Timeline::new(&scenario.events, size.assets);
        let mut old = Old::new(&fleet);
        let come = |what: &What| match what {
            What::Newcomers(count) | What::Account { zones: count, .. } => {
                scaled(*count, size.assets)
            }
            _ => 0,
        };
        let all = size.assets + scenario.events.iter().map(|event| come(&event.what)).sum::<u64>();
        let is_of_job = scenario.scheduler == Scheduler::Agenda;
        let mut filling = is_of_job.then(|| Filling::new(job::agenda(&fleet, all, START)));
        let mut listed = job::listed(0, 0, "", None);
        let mut by_age: Vec<Vec<u64>> = Vec::new();
        by_age.resize_with(fleet.plans.len(), Vec::new);
        for Member { asset, plan, age } in (0..size.assets).map(|asset| fleet.member(asset)) {
            if asset % TOLD_ASSETS == 0 {
                tell(Stage::Filling, asset, size.assets)?;
            }
            // All of an account go with the first of it.
            if asset % ASSETS_AN_ACCOUNT == 0 {
                let assets = ASSETS_AN_ACCOUNT.min(size.assets - asset);
                let (ages, minutes) = (&mut by_age[plan], (age.as_secs() / 60) as usize);
                if ages.len() <= minutes {
                    ages.resize(minutes + 1, 0);
                }
                ages[minutes] += assets;
            }
            if let Some(filling) = &mut filling {
                (listed.asset, listed.account) = (id(asset), id(Fleet::account(asset)));
                listed.scheduled_at = Some(START.before(age).unwrap_or(START));
                listed.plan.clone_from(&fleet.plans[plan].name);
                filling.insert(&listed, START);
            }
        }
        tell(Stage::Filling, size.assets, size.assets)?;
        for (plan, ages) in by_age.into_iter().enumerate() {
            let ages = (0..).zip(ages).filter(|(_, assets)| *assets != 0);
            ages.for_each(|(minutes, assets): (i64, u64)| old.add(plan, -minutes, assets));
        }
        let job =
            filling.map(|filling| Job::start(filling.filled(), &scenario.sinks, &fleet, START));
        Ok(World {
            events_end: timeline.end(u64::from(size.days) * DAY_S),
            fleet,
            timeline,
            assets: size.assets,
            job,
            old,
            minutes: Vec::new(),
            old_minutes: Vec::new(),
            emitted: 0,
            is_disturbed: false,
            next_asset: size.assets,
        })
    }

    fn second(&mut self, second: u64) {
        while let Some(what) = self.timeline.next(second) {
            self.happens(what, second);
        }
        let now = self.now(second);
        for _ in 0..self.timeline.newcomers(second) {
            let asset = self.next_asset;
            self.next_asset += 1;
            let plan = self.fleet.plan(asset);
            self.old.add_new(plan, self.minute(second));
            if let Some(job) = &mut self.job {
                job.list_new(asset, &self.fleet.plans[plan].name, now);
            }
        }
        let slow = self.timeline.slow();
        self.is_disturbed |= slow.is_some() || self.timeline.is_down();
        if let Some(job) = self.job.as_mut().filter(|_| !self.timeline.is_down()) {
            self.emitted += job.step(second, now, slow, &self.fleet);
        }
        if second % 60 == 59 {
            self.minute_ends(second, now);
        }
    }

    fn happens(&mut self, what: &What, second: u64) {
        let (now, minute) = (self.now(second), self.minute(second));
        match what {
            What::Cadence { plan, to } => {
                let plan = self.fleet.number(plan);
                self.fleet.plans[plan].cadence = to.0;
                self.old.set_cadence(plan, to.0, minute);
                if let Some(job) = &mut self.job {
                    job.set_cadences(&self.fleet, now);
                }
            }
            What::Account { zones, plan } => {
                let zones = self.next_asset..self.next_asset + scaled(*zones, self.assets);
                self.next_asset = zones.end;
                let number = self.fleet.number(plan);
                let cadence = self.fleet.plans[number].cadence;
                self.old.add(number, minute - old::minutes(cadence), zones.end - zones.start);
                if let Some(job) = &mut self.job {
                    let at = now.before(cadence).unwrap_or(now);
                    job.list_account(zones, (number, plan), at, now);
                }
            }
            _ => unreachable!("the timeline knows what goes on"),
        }
    }

    fn minute_ends(&mut self, second: u64, now: UnixTime) {
        let old = if self.timeline.is_down() { 0 } else { self.old.emit(self.minute(second)) };
        self.old_minutes.push(old);
        let seen = self.job.as_mut().map(|job| job.look(second / 60, now, &self.fleet));
        self.minutes.push(Minute {
            emitted: match seen {
                Some(_) => std::mem::take(&mut self.emitted),
                None => u32::try_from(old).unwrap_or(u32::MAX),
            },
            nominal: seen.map_or(0.0, |seen| (seen.nominal_per_second * 60.0) as f32),
            segment: self.timeline.segment,
            catches_up: seen.is_some_and(|seen| seen.catches_up),
            is_disturbed: std::mem::take(&mut self.is_disturbed),
        });
    }

    fn now(&self, second: u64) -> UnixTime {
        let clock = self.timeline.clock(second);
        match u64::try_from(clock) {
            Ok(ahead) => START + Duration::from_secs(ahead),
            Err(_) => START.before(Duration::from_secs(clock.unsigned_abs())).unwrap_or(START),
        }
    }

    fn minute(&self, second: u64) -> i64 {
        self.timeline.clock(second).div_euclid(60)
    }

    fn end(self, size: Size, seconds: u64) -> Report {
        let now = self.now(seconds);
        let report = match self.job {
            Some(job) => {
                let ended = job.end(now, self.events_end, &self.fleet);
                Report {
                    assets: ended.assets,
                    scans: ended.scans,
                    late: ended.late,
                    late_others: ended.late_others,
                    oldest_over_cadence: ended.oldest_over_cadence,
                    throttle: ended.throttle,
                    plans: ended.plans,
                    ..Report::empty(size.days)
                }
            }
            None => Report {
                assets: self.next_asset,
                scans: self.old_minutes.iter().sum(),
                late: self.old.late,
                late_others: self.old.late,
                oldest_over_cadence: self.old.oldest_over_cadence,
                plans: Vec::<PlanReport>::new(),
                ..Report::empty(size.days)
            },
        };
        Report { old_per_minute: self.old_minutes, ..report.even(&self.minutes) }
    }
}

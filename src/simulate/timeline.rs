//! What of a scenario begins and ends when, and what goes on.

use super::scenario::{ASSETS_OF_COUNTS, Event, What};

/// So many assets come evenly from one second to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Newcomers {
    assets: u64,
    from: u64,
    to: u64,
}

/// A count of a scenario, for a fleet of so many assets: at least one.
pub(super) fn scaled(count: u64, assets: u64) -> u64 {
    let scaled = u128::from(count) * u128::from(assets) / u128::from(ASSETS_OF_COUNTS);
    u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
}

#[derive(Debug)]
pub(super) struct Timeline<'s> {
    /// When, whether it begins, and what; the next one last.
    turns: Vec<(u64, bool, &'s Event)>,
    assets: u64,
    newcomers: Vec<Newcomers>,
    slow: Vec<f64>,
    downs: u32,
    /// What the clock shows beyond the true time, in seconds.
    clock_ahead: i64,
    /// So many turns were passed.
    pub(super) segment: u16,
}

impl<'s> Timeline<'s> {
    pub(super) fn new(events: &'s [Event], assets: u64) -> Timeline<'s> {
        let mut turns = Vec::new();
        for event in events {
            turns.push((event.at.0.as_secs(), true, event));
            if let Some(lasts) = event.lasts {
                turns.push(((event.at.0 + lasts.0).as_secs(), false, event));
            }
        }
        turns.sort_by_key(|(second, begins, _)| (std::cmp::Reverse(*second), *begins));
        let (newcomers, slow) = (Vec::new(), Vec::new());
        Timeline { turns, assets, newcomers, slow, downs: 0, clock_ahead: 0, segment: 0 }
    }

    /// When the last event of that many seconds is over.
    pub(super) fn end(&self, seconds: u64) -> u64 {
        let turns = self.turns.iter().map(|(second, ..)| *second);
        turns.filter(|second| *second < seconds).max().unwrap_or_default()
    }

    /// What begins in that second, one at a time; the rest shows in what goes on.
    pub(super) fn next(&mut self, second: u64) -> Option<&'s What> {
        while let Some((at, begins, event)) = self.turns.pop_if(|(at, ..)| *at <= second) {
            self.segment += 1;
            match &event.what {
                What::Newcomers(count) if begins => {
                    let assets = scaled(*count, self.assets);
                    let to = at + event.lasts.map_or(1, |lasts| lasts.0.as_secs());
                    self.newcomers.push(Newcomers { assets, from: at, to });
                }
                What::Newcomers(_) => self.newcomers.retain(|newcomers| second < newcomers.to),
                What::SlowSinks { share } if begins => self.slow.push(*share),
                What::SlowSinks { share } => self.slow.retain(|other| other != share),
                What::Down if begins => self.downs += 1,
                What::Down => self.downs -= 1,
                What::ClockForward(length) => self.clock_ahead += length.0.as_secs().cast_signed(),
                What::ClockBack(length) => self.clock_ahead -= length.0.as_secs().cast_signed(),
                What::Cadence { .. } | What::Account { .. } => return Some(&event.what),
            }
        }
        None
    }

    /// What the clock shows in that second.
    pub(super) fn clock(&self, second: u64) -> i64 {
        second.cast_signed() + self.clock_ahead
    }

    /// Assets that come in that second.
    pub(super) fn newcomers(&self, second: u64) -> u64 {
        let come = |newcomers: &Newcomers| {
            let Newcomers { assets, from, to } = *newcomers;
            let by = |second: u64| assets * (second - from) / (to - from);
            by(second + 1) - by(second)
        };
        self.newcomers.iter().map(come).sum()
    }

    /// The part of what the cadences need that the sinks take.
    pub(super) fn slow(&self) -> Option<f64> {
        self.slow.iter().copied().reduce(f64::min)
    }

    pub(super) fn is_down(&self) -> bool {
        self.downs != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Scenario;

    #[test]
    fn what_lasts_begins_and_ends_and_newcomers_come_evenly() {
        let text = r#"
            about = "x"
            days = 1
            [[event]]
            at = "10m"
            lasts = "5m"
            what = "down"
            [[event]]
            at = "12m"
            lasts = "1h"
            what = { newcomers = 6_000_000 }
            [[event]]
            at = "20m"
            what = { clock_back = "5m" }
            [[event]]
            at = "21m"
            what = { cadence = { plan = "free", to = "1d" } }
        "#;
        let scenario = Scenario::parse(text).expect("a scenario");
        let mut timeline = Timeline::new(&scenario.events, 60_000);
        assert_eq!((timeline.end(86_400), timeline.end(1_300)), (72 * 60, 1_260));
        let (mut down, mut come, mut changed) = (0, 0, Vec::new());
        for second in 0..86_400 {
            while let Some(what) = timeline.next(second) {
                changed.push((second, what));
            }
            down += u32::from(timeline.is_down());
            let newcomers = timeline.newcomers(second);
            assert!(newcomers <= 2, "6,000 in an hour");
            come += newcomers;
        }
        assert_eq!((down, come, changed.len()), (300, 6_000, 1));
        assert_eq!((changed[0].0, timeline.clock(2_000)), (1_260, 1_700));
    }
}

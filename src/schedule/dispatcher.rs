//! Due assets in, scans with tickets out, tickets back.

use std::collections::HashMap;
use std::time::Duration;

use super::{Agenda, AssetChange, Progress, Rate, Stats, TokenBucket};
use crate::model::{
    Asked, AssetId, Lane, Origin, PerLane, Reason, ScanEvent, ScanSequence, Ticket, UnixTime,
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
}

/// The agenda, the rate, the credits of each lane and the tickets that are out. It lives on the
/// worker of the source.
///
/// Back-pressure is credits: a lane has so many, a scan takes its weight, its ticket brings it back.
#[derive(Debug)]
pub struct Dispatcher {
    settings: Settings,
    agenda: Agenda,
    bucket: TokenBucket,
    draining: bool,
    issued: u64,
    taken: PerLane<u64>,
    open: HashMap<u64, Open>,
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
        let mut dispatcher = Dispatcher {
            bucket: TokenBucket::new(1.0),
            draining: false,
            issued: 0,
            taken: PerLane::default(),
            open: HashMap::new(),
            stats: Stats::default(),
            settings,
            agenda,
        };
        match dispatcher.settings.ending {
            Ending::Drained => {}
            Ending::Once => dispatcher.agenda.make_all_due(),
            Ending::OnceDue => dispatcher.agenda.keep_due(now),
        }
        dispatcher.pace(now);
        dispatcher
    }

    /// Follows the fleet. An asset that is under way is counted from that scan; with an end in
    /// sight nothing is added.
    pub fn apply(&mut self, change: &AssetChange, now: UnixTime) {
        if self.draining || self.settings.ending != Ending::Drained {
            return;
        }
        match change {
            AssetChange::Listed(listed) => {
                self.agenda.insert(listed);
                if self.open.values().any(|open| open.asset == listed.asset) {
                    self.agenda.take(listed.asset);
                }
            }
            AssetChange::Removed(asset) => self.agenda.remove(*asset),
        }
        self.pace(now);
    }

    /// Scans a second that go out at most; None: credits alone hold back.
    pub fn per_second_max(&self) -> Option<f64> {
        match self.settings.rate {
            Rate::Max => None,
            Rate::PerSecond(rate) => Some(rate),
            Rate::Auto => Some(self.settings.buffer * self.agenda.nominal_per_second().max(1.0)),
        }
    }

    fn pace(&mut self, now: UnixTime) {
        if let Some(per_second) = self.per_second_max() {
            assert!(per_second > 0.0, "a rate is positive");
            self.bucket.set_rate(per_second, now);
        }
    }

    /// The scan that is due longest, if the lane has credits for it and the rate allows; its ticket
    /// is open from now on.
    ///
    /// A scan heavier than all credits goes out when the lane is empty: it would wait for ever.
    pub fn next(&mut self, lane: Lane, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        let (asset, due, cost) = self.agenda.first(lane)?;
        let taken = self.taken[lane];
        let fits = taken + u64::from(cost.weight) <= u64::from(self.settings.credits[lane]);
        if self.draining || now < due || !(fits || taken == 0) {
            return None;
        }
        if self.is_paced(due) && !self.bucket.take(now) {
            return None;
        }
        self.agenda.take(asset);
        self.taken[lane] += u64::from(cost.weight);
        self.issued += 1;
        self.stats.emitted += 1;
        self.open.insert(self.issued, Open { asset, lane, emitted_at: now });
        let ticket = Ticket {
            number: self.issued,
            owner: self.settings.owner,
            weight: cost.weight,
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

    /// Whether a scan that was due at `due` needs a token of the rate.
    fn is_paced(&self, due: UnixTime) -> bool {
        match self.settings.rate {
            Rate::Max => false,
            Rate::PerSecond(_) => true,
            Rate::Auto => due != UnixTime::from_micros(0),
        }
    }

    /// Takes a ticket back: its scan is durable.
    ///
    /// # Panics
    /// If it is not open: an operator answered one scan twice, and credits no longer mean anything.
    pub fn release(&mut self, ticket: &Ticket, now: UnixTime) {
        let open = self.open.remove(&ticket.number).expect("a ticket comes back exactly once");
        self.taken[open.lane] -= u64::from(ticket.weight);
        self.stats.returned[open.lane] += 1;
        let latency = now.since(open.emitted_at).as_micros();
        self.stats.latency_us.saturating_record(u64::try_from(latency).unwrap_or(u64::MAX));
        if self.settings.ending == Ending::Drained && !self.draining {
            self.agenda.rearm(open.asset, open.emitted_at);
        }
    }

    /// Gives back what was not emitted, and emits nothing more. Returns how many assets were due.
    pub fn drain(&mut self, now: UnixTime) -> usize {
        self.draining = true;
        let due = self.agenda.due(now);
        self.agenda.clear();
        due
    }

    /// Whether the source may end. Both lanes count, because the fast one may hand scans over.
    pub fn is_over(&self) -> bool {
        let nothing_waits = Lane::ALL.into_iter().all(|lane| self.agenda.waiting(lane) == 0);
        let once = self.settings.ending != Ending::Drained;
        self.draining || (once && self.open.is_empty() && nothing_waits)
    }

    /// How long until the next scan of the lane may go out; None if there is none.
    pub fn until_next(&self, lane: Lane, now: UnixTime) -> Option<Duration> {
        let (_, due, _) = self.agenda.first(lane)?;
        let wait = due.since(now);
        let paced = self.is_paced(due);
        Some(if paced { wait.max(self.bucket.until_next(now)) } else { wait })
    }

    /// Scans that were emitted and have not come back.
    pub fn open_tickets(&self) -> usize {
        self.open.len()
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub fn progress(&self, now: UnixTime) -> Progress {
        Progress {
            assets: self.agenda.len(),
            never_scanned: self.agenda.never_scanned(),
            due: self.agenda.due(now),
            out: self.open.len(),
            weight_out: self.taken,
            returned: self.stats.returned,
            per_second_max: self.per_second_max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Lanes;
    use crate::schedule::{Cadences, Listed};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOON: UnixTime = UnixTime::from_micros(100 * 86_400_000_000);

    /// Assets by number of records and time since their last scan, all enterprise: once a day.
    fn dispatcher(rate: Rate, ending: Ending, assets: &[(u64, Option<Duration>)]) -> Dispatcher {
        let mut agenda = Agenda::new(Cadences::default(), Lanes::default());
        for (number, (records, age)) in (1..).zip(assets) {
            agenda.insert(&Listed {
                asset: AssetId(number),
                plan: "enterprise".into(),
                scheduled_at: age
                    .map(|age| UnixTime::from_micros(NOON.as_micros() - age.as_micros() as u64)),
                records: *records,
            });
        }
        let settings = Settings {
            owner: 0,
            credits: PerLane { fast: 4, slow: 4 },
            ending,
            rate,
            buffer: 1.2,
            sequence_start: 7 << 40,
        };
        Dispatcher::new(settings, agenda, NOON)
    }

    fn emit(dispatcher: &mut Dispatcher, now: UnixTime) -> Vec<(Ticket, i64)> {
        let next = || dispatcher.next(Lane::Fast, now);
        std::iter::from_fn(next).map(|(ticket, event)| (ticket, event.asset.0)).collect()
    }

    #[test]
    fn emits_what_is_due_oldest_first() {
        let ages = [Some(DAY), Some(2 * DAY), Some(DAY / 2)];
        let assets = ages.map(|age| (1, age));
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &assets);
        let assets: Vec<i64> = emit(&mut dispatcher, NOON).into_iter().map(|(_, a)| a).collect();
        assert_eq!(assets, [2, 1]);
        let wait = dispatcher.until_next(Lane::Fast, NOON).expect("one waits");
        assert!(DAY * 47 / 100 < wait && wait <= DAY * 48 / 100, "{wait:?}");
    }

    #[test]
    fn a_returned_scan_is_due_again_after_its_cadence_and_its_sequence_grows() {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, None)]);
        let (ticket, first) = dispatcher.next(Lane::Fast, NOON).expect("it is due");
        dispatcher.release(&ticket, NOON + Duration::from_secs(3));
        assert!(dispatcher.next(Lane::Fast, NOON + DAY / 2).is_none());
        let (_, second) = dispatcher.next(Lane::Fast, NOON + DAY).expect("it is due");
        assert_eq!((first.sequence.0, second.sequence.0), ((7 << 40) + 1, (7 << 40) + 2));
        assert_eq!(dispatcher.stats().latency_us.max() / 10_000, 300);
    }

    #[test]
    fn follows_the_fleet_and_leaves_alone_what_is_under_way() {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, None), (1, None)]);
        let (ticket, event) = dispatcher.next(Lane::Fast, NOON).expect("it is due");
        let listed = |asset| {
            let (plan, scheduled_at) = ("free".to_owned(), None);
            AssetChange::Listed(Listed { asset, plan, scheduled_at, records: 1 })
        };
        let other = AssetId(3 - event.asset.0);
        for change in [listed(event.asset), listed(AssetId(3)), AssetChange::Removed(other)] {
            dispatcher.apply(&change, NOON);
        }
        let out: Vec<i64> = emit(&mut dispatcher, NOON).into_iter().map(|(_, a)| a).collect();
        assert_eq!(out, [3], "not the one under way, not the removed one");
        dispatcher.release(&ticket, NOON);
        assert!(emit(&mut dispatcher, NOON + 6 * DAY).is_empty(), "it is of plan free now");
        assert_eq!(emit(&mut dispatcher, NOON + 7 * DAY).len(), 1);
    }

    #[test]
    fn credits_hold_back_until_tickets_return() {
        let heavy = [(64, None), (64, None), (64, None)];
        let mut dispatcher = dispatcher(Rate::Max, Ending::Once, &heavy);
        let out = emit(&mut dispatcher, NOON);
        assert_eq!(out.len(), 2);
        dispatcher.release(&out[0].0, NOON);
        assert_eq!(emit(&mut dispatcher, NOON).len(), 1);
    }

    #[test]
    fn a_scan_heavier_than_all_credits_goes_alone() {
        let assets = [(1_000, None), (1_000, None)];
        let mut dispatcher = dispatcher(Rate::Max, Ending::Once, &assets);
        let out = emit(&mut dispatcher, NOON);
        assert_eq!(out.len(), 1);
        dispatcher.release(&out[0].0, NOON);
        assert_eq!(emit(&mut dispatcher, NOON).len(), 1);
    }

    #[test]
    fn once_scans_each_asset_once_due_or_not_and_is_over() {
        let assets = [(1, None), (1, Some(Duration::ZERO)), (1, Some(2 * DAY))];
        for (ending, expected) in [(Ending::Once, 3), (Ending::OnceDue, 2)] {
            let mut dispatcher = dispatcher(Rate::Max, ending, &assets);
            let out = emit(&mut dispatcher, NOON);
            assert_eq!(out.len(), expected, "{ending:?}");
            assert!(!dispatcher.is_over());
            out.iter().for_each(|(ticket, _)| dispatcher.release(ticket, NOON));
            assert!(emit(&mut dispatcher, NOON + 9 * DAY).is_empty());
            assert!(dispatcher.is_over());
        }
    }

    #[test]
    fn a_rate_spaces_due_scans_and_auto_lets_new_ones_pass() {
        let overdue = [(1, Some(2 * DAY)); 4];
        let mut paced = dispatcher(Rate::PerSecond(2.0), Ending::Drained, &overdue);
        assert_eq!(emit(&mut paced, NOON).len(), 1);
        assert_eq!(paced.until_next(Lane::Fast, NOON), Some(Duration::from_millis(500)));
        assert_eq!(emit(&mut paced, NOON + Duration::from_secs(1)).len(), 2);

        let assets = [(1, None), (1, None), (1, Some(2 * DAY)), (1, Some(2 * DAY))];
        let mut auto = dispatcher(Rate::Auto, Ending::Drained, &assets);
        assert_eq!(auto.per_second_max(), Some(1.2), "at least one a second, and the buffer");
        assert_eq!(emit(&mut auto, NOON).len(), 3);
    }

    #[test]
    fn the_rate_is_the_sum_of_count_over_cadence() {
        let assets = vec![(1, Some(Duration::ZERO)); 864_000];
        let dispatcher = dispatcher(Rate::Auto, Ending::Drained, &assets);
        let rate = dispatcher.per_second_max().expect("a rate");
        assert!((rate - 12.0).abs() < 1e-6, "864,000 a day are 10/s: {rate}");
    }

    #[test]
    fn a_drain_gives_back_what_was_not_emitted() {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(100, None), (200, None)]);
        emit(&mut dispatcher, NOON);
        assert_eq!(dispatcher.drain(NOON), 1);
        assert!(dispatcher.is_over());
        assert_eq!(dispatcher.open_tickets(), 1);
        assert!(emit(&mut dispatcher, NOON + 9 * DAY).is_empty());
    }

    #[test]
    #[should_panic(expected = "exactly once")]
    fn a_ticket_that_comes_twice_is_a_bug() {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, None)]);
        let out = emit(&mut dispatcher, NOON);
        dispatcher.release(&out[0].0, NOON);
        dispatcher.release(&out[0].0, NOON);
    }
}

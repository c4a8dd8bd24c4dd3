//! Requests beside a schedule, at times that the test sets.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Asked, AssetId, CheckId, Reason, Spent};
use crate::schedule::dispatcher::tests::{DAY, NOON, dispatcher};
use crate::schedule::{AssetChange, Ending, Limits, Orders, Rate};

const SECOND: Duration = Duration::from_secs(1);

fn all(id: i64, asset: i64) -> Request {
    Request { id, asset: AssetId(asset), checks: Asked::All }
}

fn only(id: i64, asset: i64, check: &'static str) -> Request {
    Request { checks: Asked::Only(vec![CheckId::new(check)]), ..all(id, asset) }
}

fn scanned(ids: &[i64]) -> Vec<Answer> {
    ids.iter().map(|id| Answer { id: *id, is_scanned: true }).collect()
}

fn not_loaded(_place: usize) -> bool {
    false
}

fn loaded(_place: usize) -> bool {
    true
}

#[test]
fn what_is_asked_for_goes_first_and_is_answered_when_it_is_durable() {
    let assets = [(1, Some(2 * DAY)), (1, Some(DAY / 2))];
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &assets);
    assert_eq!(dispatcher.request(all(7, 2), loaded), Requested::Queued);
    assert_eq!(dispatcher.request(all(8, 2), loaded), Requested::Joined);
    assert_eq!(dispatcher.request(all(9, 55), loaded), Requested::Unknown);
    assert_eq!(dispatcher.answers(), [Answer { id: 9, is_scanned: false }]);
    let (ticket, event) = dispatcher.next(NOON).expect("it is asked for");
    assert_eq!((event.asset, event.reason), (AssetId(2), Reason::Requested));
    assert_eq!(ticket.origin, Origin::Request);
    let (_, event) = dispatcher.next(NOON).expect("it is due");
    assert_eq!((event.asset, event.reason), (AssetId(1), Reason::Scheduled));
    assert!(dispatcher.answers().is_empty());
    dispatcher.release(&ticket, NOON + SECOND);
    assert_eq!(dispatcher.answers(), scanned(&[7, 8]));
    // It counts as its scan of the day.
    assert!(dispatcher.next(NOON + DAY * 9 / 10).is_none());
    assert_eq!(dispatcher.next(NOON + DAY).map(|(_, event)| event.asset), Some(AssetId(2)));
}

#[test]
fn it_joins_a_scan_that_has_not_loaded_and_follows_one_that_has() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(2 * DAY))]);
    let (ticket, _) = dispatcher.next(NOON).expect("it is due");
    assert_eq!(dispatcher.request(all(1, 1), not_loaded), Requested::Joined);
    assert_eq!(dispatcher.request(only(2, 1, "a"), not_loaded), Requested::Joined);
    assert_eq!(dispatcher.request(all(3, 1), loaded), Requested::Again);
    assert_eq!(dispatcher.request(only(4, 1, "a"), loaded), Requested::Again);
    assert!(dispatcher.next(NOON).is_none(), "never twice at once");
    dispatcher.release(&ticket, NOON + SECOND);
    assert_eq!(dispatcher.answers(), scanned(&[1, 2]));
    let (ticket, event) = dispatcher.next(NOON + SECOND).expect("again");
    assert_eq!((event.checks, event.reason), (Asked::All, Reason::Requested));
    dispatcher.release(&ticket, NOON + 2 * SECOND);
    assert_eq!(dispatcher.answers(), scanned(&[3, 4]));
    assert!(dispatcher.next(NOON + 2 * SECOND).is_none());
}

#[test]
fn a_scan_of_some_checks_answers_no_request_for_others() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(DAY / 2))]);
    dispatcher.request(only(1, 1, "a"), not_loaded);
    let (ticket, event) = dispatcher.next(NOON).expect("it is asked for");
    assert_eq!(event.checks, Asked::Only(vec![CheckId::new("a")]));
    assert_eq!(dispatcher.request(only(2, 1, "b"), not_loaded), Requested::Again);
    assert_eq!(dispatcher.request(only(3, 1, "a"), not_loaded), Requested::Joined);
    dispatcher.release(&ticket, NOON + SECOND);
    assert_eq!(dispatcher.answers(), scanned(&[1, 3]));
    let (ticket, event) = dispatcher.next(NOON + SECOND).expect("again");
    assert_eq!(event.checks, Asked::Only(vec![CheckId::new("b")]));
    dispatcher.release(&ticket, NOON + 2 * SECOND);
}

#[test]
fn a_scan_of_some_checks_does_not_count_for_the_cadence() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(DAY / 2)), (1, None)]);
    dispatcher.earn_tokens();
    for (id, asset) in [(1, 1), (2, 2)] {
        dispatcher.request(only(id, asset, "a"), loaded);
        let (ticket, event) = dispatcher.next(NOON).expect("it is asked for");
        assert_eq!(event.asset, AssetId(asset));
        dispatcher.release(&ticket, NOON);
    }
    dispatcher.pace(NOON);
    assert_eq!(dispatcher.progress().plans[0].never_scanned, 1);
    let (_, event) = dispatcher.next(NOON).expect("it was never scanned");
    assert_eq!((event.asset, event.checks), (AssetId(2), Asked::All));
    assert!(dispatcher.next(NOON + DAY * 4 / 10).is_none());
    assert_eq!(dispatcher.next(NOON + DAY / 2).map(|(_, event)| event.asset), Some(AssetId(1)));
}

#[test]
fn what_is_scheduled_takes_along_what_was_asked_and_could_not_go_yet() {
    let assets = [(1, Some(DAY / 2)), (1, Some(DAY / 2))];
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &assets);
    dispatcher.requests.set_rate(0.001, NOON);
    dispatcher.request(all(1, 1), loaded);
    let (first, _) = dispatcher.next(NOON).expect("the first needs no patience");
    dispatcher.request(all(2, 2), loaded);
    assert!(dispatcher.next(NOON).is_none());
    let (second, event) = dispatcher.next(NOON + DAY / 2).expect("it is due, and has no token");
    assert_eq!(event.reason, Reason::Scheduled);
    dispatcher.release(&second, NOON + DAY / 2);
    assert_eq!(dispatcher.answers(), scanned(&[2]));
    dispatcher.release(&first, NOON + DAY / 2);
    assert_eq!(dispatcher.answers(), scanned(&[1]));
    assert_eq!(dispatcher.progress().requests, 0);
}

#[test]
fn requests_have_a_rate_and_credits_beside_those_of_the_schedule() {
    let due = (1, Some(2 * DAY));
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[due; 300]);
    let mut scheduled = Vec::new();
    while let Some((ticket, _)) = dispatcher.next(NOON) {
        scheduled.push(ticket);
    }
    assert_eq!(scheduled.len(), 4, "all credits are out");
    let waiting: Vec<i64> = (1..=300).filter(|id| dispatcher.standing(*id)).collect();
    for id in &waiting {
        assert_eq!(dispatcher.request(all(*id, *id), loaded), Requested::Queued);
    }
    let mut went = 0;
    for tenth in 0..100 {
        let now = NOON + SECOND * tenth / 10;
        while let Some((ticket, event)) = dispatcher.next(now) {
            assert_eq!(event.reason, Reason::Requested);
            went += 1;
            dispatcher.release(&ticket, now);
        }
    }
    assert_eq!(went, waiting.len(), "50 a second");
    let late = NOON + SECOND * 3;
    dispatcher.requests.set_rate(2.0, late);
    assert!(dispatcher.until_next(Lane::Fast, NOON + 20 * SECOND).is_some());
}

#[test]
fn what_is_removed_while_it_waits_is_answered_for() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(DAY / 2))]);
    dispatcher.request(all(1, 1), loaded);
    dispatcher.apply(&AssetChange::Removed(AssetId(1)), NOON);
    assert!(dispatcher.next(NOON).is_none());
    assert_eq!(dispatcher.answers(), [Answer { id: 1, is_scanned: false }]);
}

#[test]
fn a_run_with_an_end_scans_once_what_it_is_asked_for_and_forgets_nobody() {
    let assets = [(1, None), (1, Some(DAY / 2)), (1, Some(2 * DAY))];
    for (ending, expected) in [(Ending::Once, 5), (Ending::OnceDue, 4)] {
        let mut dispatcher = dispatcher(Rate::Max, ending, &assets);
        dispatcher.earn_tokens();
        dispatcher.request(only(1, 1, "a"), loaded);
        dispatcher.request(only(2, 2, "a"), loaded);
        let mut scans: BTreeMap<(i64, bool), usize> = BTreeMap::new();
        let mut steps = 0;
        while !dispatcher.is_over() {
            steps += 1;
            assert!(steps < 100, "{ending:?}: {scans:?}");
            while let Some((ticket, event)) = dispatcher.next(NOON) {
                *scans.entry((event.asset.0, event.checks == Asked::All)).or_default() += 1;
                dispatcher.release(&ticket, NOON);
            }
        }
        assert!(scans.values().all(|count| *count == 1), "{scans:?}");
        assert_eq!(scans.len(), expected, "{ending:?}: {scans:?}");
        // Also one that is in no line any more.
        dispatcher.request(all(3, 2), loaded);
        assert!(!dispatcher.is_over());
        let (ticket, _) = dispatcher.next(NOON).expect("it is asked for");
        dispatcher.release(&ticket, NOON);
        assert!(dispatcher.is_over() && dispatcher.next(NOON).is_none());
        assert_eq!(dispatcher.answers(), scanned(&[1, 2, 3]));
    }
}

#[test]
fn a_run_with_an_end_does_not_scan_again_what_was_asked_for_before_its_turn() {
    for age in [None, Some(DAY / 2), Some(2 * DAY)] {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Once, &[(1, age); 20]);
        dispatcher.earn_tokens();
        for id in [1, 7, 20] {
            assert_eq!(dispatcher.request(all(id, id), loaded), Requested::Queued);
        }
        let mut scans: BTreeMap<i64, usize> = BTreeMap::new();
        while !dispatcher.is_over() {
            let (ticket, event) = dispatcher.next(NOON).expect("it is not over");
            *scans.entry(event.asset.0).or_default() += 1;
            dispatcher.release(&ticket, NOON);
        }
        assert_eq!(scans, (1..=20).map(|asset| (asset, 1)).collect(), "{age:?}");
    }
}

#[test]
fn a_fleet_that_was_parted_stays_so_when_one_check_is_asked_of_all_of_it() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(DAY / 2)); 200]);
    dispatcher.order(Orders { is_paused: false, spreads: 1 }, NOON);
    (1..=200).for_each(|id| {
        assert_eq!(dispatcher.request(only(id, id, "a"), loaded), Requested::Queued)
    });
    let mut now = NOON;
    while !dispatcher.requests.is_empty() {
        now = now + SECOND;
        while let Some((ticket, _)) = dispatcher.next(now) {
            dispatcher.release(&ticket, now);
        }
    }
    let mut quarters = [0; 4];
    while now < NOON + DAY / 2 {
        now = now + Duration::from_secs(60);
        while let Some((ticket, _)) = dispatcher.next(now) {
            let quarter = now.since(NOON).as_secs() / (DAY.as_secs() / 8);
            quarters[quarter.min(3) as usize] += 1;
            dispatcher.release(&ticket, now);
        }
    }
    assert!(
        quarters[..3].iter().all(|scans| 15 <= *scans),
        "an eighth of a day each: {quarters:?}"
    );
}

#[test]
fn below_a_limit_requests_and_the_schedule_take_turns() {
    let due = (1, Some(2 * DAY));
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[due; 100]);
    dispatcher.limit(Limits { per_second_max: Some(10.0), memory_max: None });
    dispatcher.earn_tokens();
    for id in 1..=60 {
        assert_eq!(dispatcher.request(all(id, id), loaded), Requested::Queued);
    }
    let (mut requested, mut scheduled) = (0, 0);
    for tenth in 0..60 {
        let now = NOON + SECOND * tenth / 10;
        while let Some((ticket, event)) = dispatcher.next(now) {
            *if event.reason == Reason::Requested { &mut requested } else { &mut scheduled } += 1;
            dispatcher.release(&ticket, now);
        }
    }
    assert!((25..=35).contains(&requested) && (25..=35).contains(&scheduled), "{requested}");
}

impl Dispatcher {
    /// As many as a pause before noon earns.
    fn earn_tokens(&mut self) {
        let before = UnixTime::from_micros(NOON.as_micros() - 2_000_000);
        self.requests.set_rate(50.0, before);
    }

    /// Whether no scan of it is under way.
    fn standing(&self, asset: i64) -> bool {
        matches!(self.agenda.standing(AssetId(asset)), Standing::Idle(..))
    }
}

#[test]
fn some_checks_are_predicted_to_cost_less_and_teach_nothing() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1_000, Some(DAY / 2))]);
    let mut cost_of = |request: Request, spent: Spent| {
        let now = NOON + SECOND * request.id as u32;
        dispatcher.request(request, not_loaded);
        let (ticket, event) = dispatcher.next(now).expect("it is asked for");
        let released = dispatcher.release(&Ticket { spent, ..ticket }, now).expect("open");
        (event.cost, released.measured)
    };
    let spent = Spent { load_us: 9_000, check_us: 90_000, write_us: 9_000 };
    let (some, measured) = cost_of(only(1, 1, "a"), spent);
    assert_eq!(measured, None);
    let (all, _) = cost_of(all(2, 1), Spent::default());
    assert!(some.time < all.time && some.weight == all.weight, "{some:?} {all:?}");
    assert!(!all.history.is_known());
}

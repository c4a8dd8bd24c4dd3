//! A dispatcher over a handful of assets, at times that the test sets.

use super::*;
use crate::lanes::Lanes;
use crate::model::{AssetId, CheckId, HandedOver};
use crate::schedule::{Answer, Cadences, Held, HeldBack, Limits, Listed, Request};

pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const NOON: UnixTime = UnixTime::from_micros(100 * 86_400_000_000);

/// Assets by number of records and time since their last scan, all enterprise: once a day.
pub(super) fn dispatcher(
    rate: Rate,
    ending: Ending,
    assets: &[(u64, Option<Duration>)],
) -> Dispatcher {
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOON);
    for (number, (records, age)) in (1..).zip(assets) {
        let listed = Listed {
            asset: AssetId(number),
            account: AssetId(number),
            plan: "enterprise".into(),
            scheduled_at: age
                .map(|age| UnixTime::from_micros(NOON.as_micros() - age.as_micros() as u64)),
            records: *records,
            measured: None,
        };
        agenda.insert(&listed, NOON);
    }
    with(rate, ending, agenda)
}

fn with(rate: Rate, ending: Ending, agenda: Agenda) -> Dispatcher {
    let settings = Settings {
        owner: 0,
        credits: PerLane { fast: 4, slow: 4 },
        ending,
        rate,
        buffer: 1.2,
        requests_per_second: 50.0,
        sequence_start: 7 << 40,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    Dispatcher::new(settings, agenda, NOON)
}

fn emit(dispatcher: &mut Dispatcher, now: UnixTime) -> Vec<(Ticket, i64)> {
    let next = || dispatcher.next(now);
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
fn each_scan_is_told_if_that_is_asked_for() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(2 * DAY))]);
    dispatcher.keep_each();
    let (ticket, _) = dispatcher.next(NOON).expect("it is due");
    let durable_at = NOON + Duration::from_secs(3);
    dispatcher.release(&ticket, durable_at);
    let Some([durable]) = dispatcher.stats().each.as_deref() else { panic!("one scan") };
    assert_eq!((durable.asset, durable.lane), (AssetId(1), Lane::Fast));
    assert_eq!((durable.emitted_at, durable.durable_at), (NOON, durable_at));
    assert!(durable.due_at < NOON);
}

#[test]
fn a_returned_scan_is_due_again_after_its_cadence_and_its_sequence_grows() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, None)]);
    let (ticket, first) = dispatcher.next(NOON).expect("it is due");
    dispatcher.release(&ticket, NOON + Duration::from_secs(3));
    assert!(dispatcher.next(NOON + DAY / 2).is_none());
    let (_, second) = dispatcher.next(NOON + DAY).expect("it is due");
    assert_eq!((first.sequence.0, second.sequence.0), ((7 << 40) + 1, (7 << 40) + 2));
    assert_eq!(dispatcher.stats().latency_us.max() / 10_000, 300);
}

#[test]
fn follows_the_fleet_and_leaves_alone_what_is_under_way() {
    let due = (1, Some(2 * DAY));
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[due, due]);
    let (ticket, event) = dispatcher.next(NOON).expect("it is due");
    let listed = |asset| {
        let (plan, scheduled_at) = ("free".to_owned(), None);
        AssetChange::Listed(Listed {
            asset,
            account: asset,
            plan,
            scheduled_at,
            records: 1,
            measured: None,
        })
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
        out.iter().for_each(|(ticket, _)| {
            dispatcher.release(ticket, NOON);
        });
        assert!(emit(&mut dispatcher, NOON + 9 * DAY).is_empty());
        assert!(dispatcher.is_over());
        dispatcher.pace(NOON);
        assert_eq!(dispatcher.progress().plans[0].never_scanned, 0, "{ending:?}");
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

/// Every asset was scanned at one moment, so that all of them are due at one.
#[test]
fn a_herd_is_scanned_before_its_cadence_is_over() {
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOON);
    for number in 0..20_000 {
        let (asset, plan) = (AssetId(number), "enterprise".to_owned());
        let scheduled_at = Some(NOON);
        agenda.insert(
            &Listed { asset, account: asset, plan, scheduled_at, records: 1, measured: None },
            NOON,
        );
    }
    agenda.spread(NOON);
    let mut dispatcher = with(Rate::Auto, Ending::Drained, agenda);
    let mut now = NOON;
    while dispatcher.stats().emitted < 20_000 {
        now = now + Duration::from_secs(1);
        assert!(now < NOON + DAY, "{:?} are late", dispatcher.progress().backlog);
        dispatcher.pace(now);
        while let Some((ticket, _)) = dispatcher.next(now) {
            dispatcher.release(&ticket, now);
        }
    }
}

#[test]
fn a_rate_serves_the_lane_whose_scan_is_due_longer() {
    let assets = [(1, Some(2 * DAY)), (3_000, Some(3 * DAY)), (1, Some(4 * DAY))];
    let mut dispatcher = dispatcher(Rate::PerSecond(1.0), Ending::Drained, &assets);
    let assets = (0..3).map(|second| {
        let now = NOON + Duration::from_secs(second);
        dispatcher.next(now).expect("a token a second").1.asset.0
    });
    assert_eq!(assets.collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn the_rate_is_the_sum_of_count_over_cadence() {
    let assets = vec![(1, Some(Duration::ZERO)); 864_000];
    let dispatcher = dispatcher(Rate::Auto, Ending::Drained, &assets);
    let rate = dispatcher.per_second_max().expect("a rate");
    assert!((10.0..=12.0).contains(&rate), "864,000 a day are 10/s: {rate}");
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

#[test]
fn a_limit_caps_every_rate_and_counts_what_the_rate_lets_pass() {
    for rate in [Rate::Max, Rate::PerSecond(100.0), Rate::Auto] {
        let assets = [(1, None); 200];
        let mut dispatcher = dispatcher(rate, Ending::Once, &assets);
        dispatcher.limit(Limits { per_second_max: Some(10.0), memory_max: None });
        assert_eq!(dispatcher.per_second_max().map(|rate| rate <= 10.0), Some(true));
        let mut emitted = 0;
        // A pause earns next to nothing.
        for tick in 0..100 {
            let now = NOON + DAY + Duration::from_millis(100) * tick;
            for (ticket, _) in emit(&mut dispatcher, now) {
                emitted += 1;
                dispatcher.release(&ticket, now);
            }
        }
        assert!((95..=101).contains(&emitted), "{rate:?}: {emitted} in 10 s");
    }
}

#[test]
fn above_the_memory_limit_one_scan_goes_at_a_time_and_never_none() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Once, &[(1, None); 3]);
    dispatcher.limit(Limits { per_second_max: None, memory_max: Some(100) });
    dispatcher.uses_memory(Some(101));
    let first = emit(&mut dispatcher, NOON);
    assert_eq!(first.len(), 1);
    let held = Held { reason: HeldBack::Memory, is_new: true };
    assert_eq!(dispatcher.held_back(Lane::Fast, NOON), Some(held));
    dispatcher.release(&first[0].0, NOON);
    let second = emit(&mut dispatcher, NOON);
    assert_eq!(second.len(), 1);
    dispatcher.uses_memory(Some(100));
    assert_eq!(emit(&mut dispatcher, NOON).len(), 1, "the bound itself is allowed");
    dispatcher.uses_memory(None);
    assert_eq!(dispatcher.held_back(Lane::Fast, NOON), None);
}

#[test]
fn while_it_is_paused_nothing_goes_out_but_what_is_asked_for() {
    let due = (1, Some(2 * DAY));
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[due, due]);
    dispatcher.order(Orders { is_paused: true, spreads: 0 }, NOON);
    assert!(dispatcher.next(NOON).is_none());
    assert_eq!(dispatcher.until_next(Lane::Fast, NOON), None);
    assert_eq!(dispatcher.held_back(Lane::Fast, NOON), None);
    let request = Request { id: 1, asset: AssetId(2), checks: Asked::All };
    dispatcher.request(request, |_| true);
    let (ticket, event) = dispatcher.next(NOON).expect("it is asked for");
    assert_eq!(event.asset, AssetId(2));
    dispatcher.release(&ticket, NOON);
    dispatcher.order(Orders { is_paused: false, spreads: 0 }, NOON + DAY / 4);
    assert_eq!(emit(&mut dispatcher, NOON + DAY / 4).len(), 1);
}

#[test]
fn an_order_to_spread_parts_what_was_scanned_together_once() {
    let assets = vec![(1, Some(DAY / 2)); 1_000];
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &assets);
    assert!(dispatcher.next(NOON).is_none());
    dispatcher.order(Orders { is_paused: false, spreads: 1 }, NOON);
    let first = dispatcher.until_next(Lane::Fast, NOON).expect("they wait");
    assert!(first < DAY / 500, "the first of a thousand is due soon: {first:?}");
    let before = dispatcher.agenda.bytes();
    dispatcher.order(Orders { is_paused: false, spreads: 1 }, NOON);
    assert_eq!(dispatcher.agenda.bytes(), before, "the same order");
}

#[test]
fn under_pressure_what_the_promises_need_goes_out_and_no_more() {
    // The herd asks for all that the buffer allows.
    let assets = vec![(1, Some(DAY * 9 / 10)); 86_400];
    let mut auto = dispatcher(Rate::Auto, Ending::Drained, &assets);
    let pass = |auto: &mut Dispatcher, load: &Load, from: u32, seconds: u32| {
        for second in from..from + seconds {
            auto.hear(load, NOON + Duration::from_secs(1) * second);
        }
        let now = NOON + Duration::from_secs(1) * (from + seconds);
        auto.pace(now);
        auto.per_second_max().expect("a rate")
    };
    let calm = Load::default();
    let full = Load { without_credits: Duration::from_millis(900), ..calm };
    let down = Load { is_down: true, ..calm };
    assert!((1.19..=1.2).contains(&pass(&mut auto, &calm, 0, 5)));
    let pressed = pass(&mut auto, &full, 5, 5);
    assert!((1.0..1.03).contains(&pressed), "the nominal rate: {pressed}");
    assert!(pass(&mut auto, &down, 10, 10) < 0.1, "the database is away");
    assert!((1.19..=1.2).contains(&pass(&mut auto, &calm, 20, 30)));

    let mut max = dispatcher(Rate::PerSecond(7.0), Ending::Drained, &[(1, None)]);
    max.hear(&full, NOON);
    max.hear(&full, NOON + Duration::from_secs(5));
    assert_eq!(max.per_second_max(), Some(7.0), "what is set is set");
}

#[test]
fn a_scan_tells_what_it_cost_and_which_lane_it_had_better_taken() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1_000, Some(2 * DAY))]);
    let (ticket, event) = dispatcher.next(NOON).expect("it is due");
    assert_eq!(event.lane, Lane::Fast);
    let spent = Spent { load_us: 9_000, check_us: 8_000, write_us: 7_000 };
    let released = dispatcher.release(&Ticket { spent, ..ticket }, NOON).expect("it was open");
    assert_eq!(released.measured, Some(Duration::from_millis(24)));
    assert_eq!((released.predicted, released.better_lane), (event.cost.time, Some(Lane::Slow)));
    let (_, event) = dispatcher.next(NOON + DAY).expect("it is due again");
    assert_eq!(event.lane, Lane::Slow, "as what it cost says");
    assert!((event.cost.time.as_secs_f64() / 0.024 - 1.0).abs() < 0.01, "{:?}", event.cost);
    dispatcher.pace(NOON + DAY);
    let lanes = dispatcher.progress().lanes;
    assert_eq!((lanes.assets.slow, lanes.work.slow), (1, 1.0));
}

#[test]
fn a_scan_that_is_handed_over_comes_back_in_the_lane_that_its_records_ask_for() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(10, Some(2 * DAY))]);
    let (ticket, event) = dispatcher.next(NOON).expect("it is due");
    dispatcher.request(Request { id: 7, asset: event.asset, checks: Asked::All }, |_| false);
    let handed_over = Some(HandedOver { records: 8_192, request: Some(8) });
    dispatcher.release(&Ticket { handed_over, ..ticket }, NOON);
    assert!(dispatcher.answers().is_empty(), "nobody has scanned it");
    let (ticket, event) = dispatcher.next(NOON).expect("it is still due");
    assert_eq!((event.lane, event.cost.weight), (Lane::Slow, 1 + 8_192 / 64));
    assert!(dispatcher.next(NOON).is_none(), "one scan is enough for all who wait");
    dispatcher.release(&ticket, NOON);
    assert_eq!(dispatcher.answers(), [7, 8].map(|id| Answer { id, is_scanned: true }));
    assert!(dispatcher.next(NOON).is_none(), "it is done");
}

#[test]
fn a_scan_of_some_checks_that_is_handed_over_comes_back_with_all_that_was_asked_for_meanwhile() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(10, None)]);
    let (ticket, event) = dispatcher.next(NOON).expect("it is due");
    dispatcher.release(&ticket, NOON);
    let some = Asked::Only(vec![CheckId::new("a.check")]);
    dispatcher.request(Request { id: 7, asset: event.asset, checks: some.clone() }, |_| false);
    let (ticket, event) = dispatcher.next(NOON).expect("it is asked for");
    assert_eq!(event.checks, some);
    let handed_over = Some(HandedOver { records: 9_000, request: Some(8) });
    dispatcher.release(&Ticket { handed_over, ..ticket }, NOON);
    let later = NOON + Duration::from_secs(1);
    let (ticket, event) = dispatcher.next(later).expect("it is still asked for");
    assert_eq!(event.checks, Asked::All);
    dispatcher.release(&ticket, later);
    assert_eq!(dispatcher.answers(), [7, 8].map(|id| Answer { id, is_scanned: true }));
}

#[test]
fn who_waits_for_a_scan_that_was_handed_over_learns_that_its_asset_is_gone() {
    let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(10, Some(2 * DAY))]);
    let (ticket, event) = dispatcher.next(NOON).expect("it is due");
    dispatcher.request(Request { id: 7, asset: event.asset, checks: Asked::All }, |_| false);
    dispatcher.apply(&AssetChange::Removed(event.asset), NOON);
    let handed_over = Some(HandedOver { records: 9_000, request: None });
    dispatcher.release(&Ticket { handed_over, ..ticket }, NOON);
    assert!(dispatcher.next(NOON).is_none());
    assert_eq!(dispatcher.answers(), [Answer { id: 7, is_scanned: false }]);
    dispatcher.pace(NOON);
    assert_eq!(dispatcher.progress().assets, 0);
}

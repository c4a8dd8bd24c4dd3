//! An agenda over a handful of assets, at times that the test sets.

use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const NOON: UnixTime = UnixTime::from_micros(100 * 86_400_000_000);

fn listed(asset: i64, plan: &str, scheduled_at: Option<UnixTime>) -> Listed {
    let asset = AssetId(asset);
    Listed {
        asset,
        account: asset,
        plan: plan.to_owned(),
        scheduled_at,
        records: 3,
        measured: None,
    }
}

/// What is due goes out at once.
fn agenda(assets: &[(i64, &str, Option<UnixTime>)]) -> Agenda {
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOON);
    for (asset, plan, scheduled_at) in assets {
        agenda.insert(&listed(*asset, plan, *scheduled_at), NOON);
    }
    agenda.paced(Pacing::Open, Front::Due);
    agenda
}

fn due(agenda: &Agenda, now: UnixTime) -> usize {
    agenda.backlog(now).due
}

fn take(agenda: &mut Agenda, now: UnixTime) -> Option<(Taken, i64)> {
    let first = agenda.first(Lane::Fast, now)?;
    Some((agenda.take(&first, now), first.asset.0))
}

fn take_all(agenda: &mut Agenda, now: UnixTime) -> Vec<i64> {
    std::iter::from_fn(|| take(agenda, now)).map(|(_, asset)| asset).collect()
}

#[test]
fn due_a_little_before_the_cadence_is_over_and_never_scanned_ones_last() {
    let mut agenda = agenda(&[(1, "enterprise", Some(NOON)), (2, "free", None)]);
    let backlog = |now| agenda.backlog(now);
    let waits = Backlog { never_scanned: 1, ..Backlog::default() };
    assert_eq!(backlog(NOON + DAY * 97 / 100), waits);
    let due = Backlog { due: 1, ..waits };
    assert_eq!(backlog(NOON + DAY * 99 / 100), due);
    assert_eq!(backlog(NOON + DAY * 1_002 / 1_000), Backlog { overdue: 1, ..due });
    assert_eq!(take_all(&mut agenda, NOON + DAY), [1, 2]);
}

#[test]
fn a_stamp_from_the_future_is_due_at_once_and_breaks_no_promise() {
    let mut agenda = agenda(&[(1, "enterprise", Some(NOON + DAY)), (2, "free", None)]);
    let backlog = agenda.backlog(NOON);
    assert_eq!((backlog.never_scanned, backlog.due, backlog.overdue), (1, 1, 0));
    let soon = NOON + Duration::from_secs(60);
    let (taken, asset) = take(&mut agenda, soon).expect("it is due");
    assert_eq!(asset, 1);
    agenda.scanned(taken, soon, true);
    assert_eq!((due(&agenda, NOON + DAY * 97 / 100), due(&agenda, NOON + DAY)), (0, 1));
}

#[test]
fn many_at_once_are_as_one_by_one() {
    let listed = |asset: i64| {
        let plan = ["free", "enterprise", "gold"][asset as usize % 3];
        let ago = DAY * (asset % 9) as u32;
        listed(asset / 2, plan, (asset % 7 != 0).then(|| NOON.before(ago)).flatten())
    };
    let all: Vec<Listed> = (0..500).map(listed).collect();
    let (mut one_by_one, mut filling) = (agenda(&[]), Filling::new(agenda(&[])));
    all.iter().for_each(|listed| one_by_one.insert(listed, NOON));
    all.iter().for_each(|listed| filling.insert(listed, NOON));
    let mut at_once = filling.filled();
    assert_eq!(at_once.backlog(NOON), one_by_one.backlog(NOON));
    assert_eq!(take_all(&mut at_once, NOON), take_all(&mut one_by_one, NOON));
}

#[test]
fn an_asset_under_way_waits_again_after_its_return_unless_it_was_removed() {
    let day_ago = NOON.before(DAY);
    let mut agenda = agenda(&[(1, "enterprise", day_ago), (2, "enterprise", day_ago)]);
    let (one, first) = take(&mut agenda, NOON).expect("it is due");
    let (other, _) = take(&mut agenda, NOON).expect("it is due");
    assert_eq!(agenda.waiting(Lane::Fast), 0);
    agenda.remove(AssetId(first));
    assert_eq!(agenda.len(), 1);
    agenda.scanned(one, NOON, true);
    agenda.scanned(other, NOON, true);
    assert_eq!(agenda.waiting(Lane::Fast), 1);
    assert_eq!(take_all(&mut agenda, NOON + DAY), [3 - first]);
}

#[test]
fn one_that_was_removed_and_added_while_it_is_under_way_is_not_scanned_twice_at_once() {
    let mut agenda = agenda(&[(1, "enterprise", NOON.before(DAY))]);
    let (taken, _) = take(&mut agenda, NOON).expect("it is due");
    agenda.remove(AssetId(1));
    agenda.insert(&listed(1, "free", None), NOON);
    assert_eq!((agenda.len(), take(&mut agenda, NOON)), (1, None));
    agenda.scanned(taken, NOON, true);
    assert_eq!(take(&mut agenda, NOON + 6 * DAY), None, "it is of plan free now");
    assert_eq!(take_all(&mut agenda, NOON + 7 * DAY), [1]);
}

#[test]
fn another_plan_or_lane_is_followed_wherever_the_asset_waits() {
    let assets = [(1, "free", NOON.before(2 * DAY)), (2, "free", None), (3, "free", None)];
    let mut agenda = agenda(&assets);
    agenda.insert(&listed(1, "enterprise", None), NOON);
    agenda.insert(&listed(2, "enterprise", None), NOON);
    agenda.insert(&Listed { records: 5_000, ..listed(3, "free", None) }, NOON);
    assert_eq!(take_all(&mut agenda, NOON), [1, 2]);
    let slow = agenda.first(Lane::Slow, NOON).expect("one is slow now");
    assert_eq!((slow.asset, slow.is_new), (AssetId(3), true));
    assert!(76 < slow.cost.weight && slow.cost.weight < 82, "{:?}", slow.cost);
    let plans = agenda.plans(NOON);
    let counts: Vec<_> = plans.iter().map(|plan| (plan.plan.as_str(), plan.assets)).collect();
    assert_eq!(counts, [("enterprise", 2), ("free", 1)]);
}

#[test]
fn a_herd_that_is_spread_is_due_evenly_and_never_later() {
    let herd: Vec<_> = (1..=1_000).map(|asset| (asset, "enterprise", Some(NOON))).collect();
    let mut agenda = agenda(&herd);
    agenda.insert(&listed(1_001, "free", None), NOON);
    agenda.spread(NOON);
    assert_eq!(agenda.backlog(NOON).never_scanned, 1);
    for hours in 0..=24 {
        let found = due(&agenda, NOON + Duration::from_secs(3_600) * hours) as f64;
        let expected = (1_000.0 * f64::from(hours) / (24.0 * 0.98)).min(1_000.0);
        assert!((found - expected).abs() < 3.0, "{found} in {hours} h");
    }
}

#[test]
fn assets_that_were_scanned_first_at_once_do_not_come_back_at_once() {
    let herd: Vec<_> = (1..=1_000).map(|asset| (asset, "enterprise", None)).collect();
    let mut agenda = agenda(&herd);
    while let Some((taken, _)) = take(&mut agenda, NOON) {
        agenda.scanned(taken, NOON, true);
        if agenda.backlog(NOON).never_scanned == 0 {
            break;
        }
    }
    assert_eq!(agenda.plans(NOON + DAY / 2)[0].oldest, Some(NOON), "its age is the true one");
    for hours in 1..=24 {
        let found = due(&agenda, NOON + Duration::from_secs(3_600) * hours) as f64;
        let expected = (1_000.0 * f64::from(hours) / (24.0 * 0.98)).min(1_000.0);
        assert!((found - expected).abs() < 5.0, "{found} in {hours} h");
    }
}

/// Of a hash of an account an agenda keeps a part alone.
#[test]
fn an_account_whose_hash_is_like_that_of_a_large_one_does_not_wait_for_it() {
    let hash = |account: i64| AssetId(account).route() >> 20 & ((1 << 22) - 1);
    let (large, week_ago) = (-1, NOON.before(7 * DAY));
    let alike: Vec<i64> =
        (1_000_000..).filter(|account| hash(*account) == hash(large)).take(2).collect();
    let mut agenda = agenda(&[]);
    for zone in 1..=5_000 {
        let account = AssetId(large);
        agenda.insert(&Listed { account, ..listed(zone, "free", week_ago) }, NOON);
    }
    let an_hour_later = week_ago.map(|at| at + DAY / 24);
    for account in &alike {
        agenda.insert(&listed(*account, "free", an_hour_later), NOON);
    }
    let order = take_all(&mut agenda, NOON);
    assert_eq!(order.len(), 5_002);
    let last = order.iter().rposition(|asset| alike.contains(asset));
    assert!(last < Some(150), "of an hour, within the hour: {last:?}");
}

#[test]
fn newcomers_come_evenly_within_the_time_that_was_asked_for() {
    let mut agenda =
        Agenda::new(Cadences::default(), Lanes::default(), NOON).with_first_within(Some(DAY));
    (0..1_000).for_each(|asset| agenda.insert(&listed(asset, "free", None), NOON));
    for hours in [0, 6, 12, 18, 24] {
        let found = due(&agenda, NOON + Duration::from_secs(3_600) * hours) as f64;
        let expected = 1_000.0 * f64::from(hours) / 24.0;
        assert!((found - expected).abs() < 60.0, "{found} in {hours} h");
    }
}

#[test]
fn a_plan_without_a_cadence_counts_as_free() {
    let agenda = agenda(&[(1, "gold", Some(NOON)), (2, "free", Some(NOON))]);
    assert_eq!((due(&agenda, NOON + 6 * DAY), due(&agenda, NOON + 7 * DAY)), (0, 2));
}

/// The story's own figures, of a tenth of its fleet.
#[test]
fn rates_in_closed_form() {
    let week = |assets: i64| {
        let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOON);
        agenda.reserve(assets as usize);
        (0..assets).for_each(|asset| agenda.insert(&listed(asset, "free", None), NOON));
        agenda.paced(Pacing::ByNeed, Front::Early);
        agenda.set_buffer(1.0);
        agenda.per_second_max() * 10.0
    };
    assert!((week(5_000_000) - 82.67).abs() < 0.01, "50 M in 7 days");
    let days = 60e6 / 83.0 / 86_400.0;
    assert!((days - 8.4_f64).abs() < 0.05 && 83.0 < week(6_000_000), "60 M at 83/s take 8.4 days");
    assert_eq!(week(0), 10.0, "nothing: 1/s");
}

/// What is known of accounts besides: in the 26 bytes from some 8 million assets on.
#[test]
fn an_asset_takes_25_bytes_at_most() {
    let assets = 2_000_000;
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOON);
    agenda.reserve(assets as usize);
    let period_us = (7 * DAY).as_micros() as i64;
    for asset in 0..assets {
        let ago = Duration::from_micros((asset * 7_919_993 % period_us).unsigned_abs());
        agenda.insert(&listed(asset, "free", NOON.before(ago)), NOON);
    }
    let accounts = 2 << 20;
    let each = (agenda.bytes() - accounts) as f64 / assets as f64;
    assert!(each <= 25.0, "{each} bytes an asset");
}

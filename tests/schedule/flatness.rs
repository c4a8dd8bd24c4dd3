//! Scans go out evenly, whatever the fleet has been through.

use std::collections::{HashMap, HashSet};

use crate::*;

#[test]
fn a_steady_fleet_is_flat_and_inside_its_cadence() {
    let plans = [("enterprise", DAY)];
    let mut world = World::even(&cadences(&plans), 100_000, &plans, 1);
    let went = world.run(START, 3 * DAY, SECOND);
    let late: Vec<_> = went.iter().filter(|scan| DAY < scan.after).collect();
    assert!(late.is_empty(), "{late:?}");
    let peak = peak_over_mean(&went, START, MINUTE, 60);
    assert!(peak <= 1.06, "peak/mean {peak}");
    let work = went.len() as f64 / 300_000.0;
    assert!(work <= 1.03, "{work} times the work that the promise needs");
}

#[test]
fn a_herd_that_is_spread_is_flat_and_nobody_is_late() {
    let cadences = cadences(&[]);
    let mut agenda = agenda(&cadences);
    let mut last = HashMap::new();
    for asset in 0..100_000 {
        let key = asset as u64;
        let ago = if mix(key) % 10 < 7 { DAY / 5 } else { part(DAY.mul_f64(0.98), key) };
        agenda.insert(&scanned(asset, "enterprise", ago), START);
        last.insert(asset, before(ago));
    }
    agenda.spread(START);
    let went = World::new(agenda, last, SECOND).run(START, 2 * DAY, SECOND);
    assert!(went.iter().all(|scan| scan.after <= DAY));
    let first: Vec<Went> =
        went.iter().copied().filter(|scan| scan.at < START + DAY * 9 / 10).collect();
    let peak = peak_over_mean(&first, START, 10 * MINUTE, 1);
    assert!(peak <= 1.05, "peak/mean {peak}");
}

#[test]
fn a_shorter_cadence_keeps_the_old_promise_and_is_flat() {
    let (old, new) = (15 * DAY, 7 * DAY);
    let fleet = 50_000;
    let mut world = World::even(&cadences(&[("free", old)]), fleet, &[("free", old)], 2);
    let changed = START + DAY / 4;
    world.run(START, DAY / 4, SECOND);
    world.agenda.set_cadences(cadences(&[("free", new)]), changed);
    let went = world.run(changed, 10 * DAY, SECOND);
    let mut seen = HashMap::new();
    for scan in &went {
        assert!(scan.after <= old, "{scan:?}");
        if let Some(last) = seen.insert(scan.asset, scan.at) {
            assert!(scan.at.since(last) <= new, "{scan:?}");
        }
    }
    let within: HashSet<i64> =
        went.iter().filter(|scan| scan.at < changed + new).map(|scan| scan.asset).collect();
    assert_eq!(within.len() as i64, fleet, "all are inside the new cadence after one period");
    let peak = peak_over_mean(&went, changed, 20 * MINUTE, 0);
    assert!(peak <= 1.1, "peak/mean {peak}");
}

#[test]
fn six_hours_down_heal_within_the_buffer_enterprise_first() {
    let plans = [("enterprise", DAY), ("free", 7 * DAY)];
    let mut world = World::even(&cadences(&plans), 60_000, &plans, 3);
    world.run(START, DAY, SECOND);
    let back = START + DAY + 6 * HOUR;
    let went = world.run(back, 2 * DAY, SECOND);
    let (nominal, max) = (world.agenda.per_second_max() / 1.2, world.agenda.per_second_max());
    let late = |is_enterprise: bool| {
        let (number, cadence) = if is_enterprise { (0, DAY) } else { (1, 7 * DAY) };
        let of_plan = |asset: i64| mix(asset.unsigned_abs() ^ 3) % 2 == number;
        let late = went.iter().filter(|scan| of_plan(scan.asset) && cadence < scan.after);
        late.map(|scan| scan.at.since(back)).max().unwrap_or_default()
    };
    assert!(late(true) <= 30 * HOUR, "6 h / 0.2: {:?}", late(true));
    assert!(late(false) <= 30 * HOUR, "6 h / 0.2: {:?}", late(false));
    assert!(late(true) < late(false) || late(false).is_zero(), "enterprise first");
    let part = 10 * MINUTE;
    for n in 0..(2 * DAY).as_secs() / part.as_secs() {
        let (from, to) = (back + part * n as u32, back + part * (n as u32 + 1));
        let went = went.iter().filter(|scan| from <= scan.at && scan.at < to).count();
        let rate = went as f64 / part.as_secs_f64();
        assert!(rate <= 1.01 * max + 2.0 * max / part.as_secs_f64(), "{rate} of {nominal}");
    }
}

/// Every worker may keep the agenda of its own share.
#[test]
fn shares_add_up_and_their_sum_is_flat() {
    let (fleet, shares) = (160_000, 8);
    let cadences = cadences(&[]);
    let (mut went, mut per_second) = (Vec::new(), 0.0);
    for share in 0..shares {
        let (mut agenda, mut last) = (agenda(&cadences), HashMap::new());
        for asset in (0..fleet).filter(|asset| mix(*asset as u64 ^ 99) % shares == share) {
            let ago = part(DAY.mul_f64(0.98), asset as u64);
            agenda.insert(&scanned(asset, "enterprise", ago), START);
            last.insert(asset, before(ago));
        }
        per_second += agenda.per_second_max();
        went.extend(World::new(agenda, last, SECOND).run(START, DAY, SECOND));
    }
    let nominal = fleet as f64 / DAY.as_secs_f64();
    assert!((per_second - 1.2 * nominal.max(shares as f64)).abs() < 1e-9, "{per_second}");
    assert!(went.iter().all(|scan| scan.after <= DAY));
    let peak = peak_over_mean(&went, START, MINUTE, 120);
    assert!(peak <= 1.10, "peak/mean {peak}");
}

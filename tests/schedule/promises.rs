//! Properties of every schedule.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use crate::*;

/// What happens to an asset at some moment.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Enterprise,
    Free,
    Slow,
    Removed,
}

fn happenings() -> impl Strategy<Value = Vec<(u64, Happens, i64)>> {
    let what = prop_oneof![
        Just(Happens::Enterprise),
        Just(Happens::Free),
        Just(Happens::Slow),
        Just(Happens::Removed)
    ];
    prop::collection::vec((0..4 * 86_400_u64, what, 0..300_i64), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn spread_never_delays_and_is_as_even_as_it_can_be(
        ages in prop::collection::vec(0..9 * 86_400_u64, 1..300),
        herd in 0..7 * 86_400_u64,
        share in 0..10_u64,
        days in 1..15_u32,
    ) {
        let cadence = DAY * days;
        let cadences = cadences(&[("free", cadence)]);
        let age = |n: usize, age: u64| if mix(n as u64) % 10 < share { herd } else { age };
        let make = || {
            let mut agenda = agenda(&cadences);
            agenda.paced(Pacing::Open, Front::Due);
            for (n, own) in ages.iter().enumerate() {
                agenda.insert(&scanned(n as i64, "free", SECOND * age(n, *own) as u32), START);
            }
            agenda
        };
        let (mut without, mut with) = (make(), make());
        with.spread(START);
        let due = |agenda: &Agenda, hours: u32| agenda.backlog(START + HOUR * hours).due;
        for hours in 0..=24 * days {
            let (before, after) = (due(&without, hours), due(&with, hours));
            prop_assert!(before <= after, "{after} of {before} are due after {hours} h");
            let rank = ages.len() as f64 * f64::from(hours) / (24.0 * f64::from(days));
            prop_assert!(rank.floor() as usize <= after + 1, "{after} in {hours} h");
        }
        let all = |agenda: &mut Agenda| {
            let now = START + 2 * cadence;
            let mut taken = HashSet::new();
            while let Some(first) = agenda.first(Lane::Fast, now) {
                agenda.take(&first, now);
                taken.insert(first.asset);
            }
            taken
        };
        prop_assert_eq!(all(&mut without), all(&mut with));
    }

    /// An asset of another plan counts by the shorter cadence of the two.
    #[test]
    fn at_most_once_in_most_of_a_period_and_never_twice_at_once(
        seed: u64,
        assets in 50..300_i64,
        latency in 0..1_800_u64,
        mut happenings in happenings(),
    ) {
        let plans = [("free", 2 * DAY), ("enterprise", DAY)];
        let mut world = World::even(&cadences(&plans), assets, &plans, seed);
        world.latency = SECOND * latency as u32;
        happenings.sort_by_key(|(at, ..)| *at);
        let (mut changed, mut removed) = (HashSet::new(), HashSet::new());
        let mut happenings = happenings.into_iter().peekable();
        for n in 0..4 * 86_400 / 30 {
            let now = START + 30 * SECOND * n;
            while let Some((_, what, asset)) = happenings.next_if(|(at, ..)| START + SECOND * *at as u32 <= now) {
                if asset < assets {
                    changed.insert(asset);
                    if matches!(what, Happens::Removed) {
                        removed.insert(asset);
                    }
                    let listed = scanned(asset, "free", Duration::ZERO);
                    match what {
                        Happens::Enterprise => {
                            let plan = "enterprise".to_owned();
                            world.agenda.insert(&Listed { plan, ..listed }, now);
                        }
                        Happens::Free => world.agenda.insert(&listed, now),
                        Happens::Slow => {
                            world.agenda.insert(&Listed { records: 9_000, ..listed }, now);
                        }
                        Happens::Removed => world.agenda.remove(AssetId(asset)),
                    }
                }
            }
            let under_way: HashSet<Taken> =
                world.under_way.iter().filter(|(until, ..)| now < *until).map(|(_, t, _)| *t).collect();
            let flying = under_way.len();
            let went = world.step(now);
            let all: HashSet<Taken> = world.under_way.iter().map(|(_, taken, _)| *taken).collect();
            prop_assert_eq!(all.len(), flying + went.len(), "one is under way twice");
            for scan in went {
                let is_free = mix(scan.asset.unsigned_abs() ^ seed).is_multiple_of(2);
                let cadence = if is_free && !changed.contains(&scan.asset) { 2 * DAY } else { DAY };
                let removed = removed.contains(&scan.asset);
                prop_assert!(removed || cadence.mul_f64(0.79) <= scan.after, "{scan:?}");
            }
        }
    }

    #[test]
    fn the_same_calls_give_the_same_schedule(seed: u64) {
        let plans = [("enterprise", DAY), ("business", 3 * DAY)];
        let go = || World::even(&cadences(&plans), 500, &plans, seed).run(START, 2 * DAY, SECOND);
        prop_assert_eq!(go(), go());
    }

    /// Whatever pauses there are, a fleet that the buffer can serve is scanned.
    #[test]
    fn a_pause_is_made_up_for_and_earns_no_burst(pause_hours in 1..12_u32, assets in 200..2_000_i64) {
        let plans = [("enterprise", DAY)];
        let mut world = World::even(&cadences(&plans), assets, &plans, 5);
        world.run(START, 6 * HOUR, SECOND);
        let back = START + 6 * HOUR + HOUR * pause_hours;
        let at_once = world.step(back).len() as f64;
        prop_assert!(at_once <= 2.0 * world.agenda.per_second_max() + 1.0, "{at_once} at once");
        let healed = back + HOUR * pause_hours * 5 + HOUR;
        world.run(back, healed.since(back), SECOND);
        let late: Vec<_> = world.run(healed, DAY, SECOND);
        let late: HashMap<_, _> =
            late.iter().filter(|scan| DAY < scan.after).map(|scan| (scan.asset, scan.after)).collect();
        prop_assert!(late.is_empty(), "{late:?}");
    }
}

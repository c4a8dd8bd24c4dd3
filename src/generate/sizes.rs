//! How many zones an account has, how many records a zone, and which plan goes with them.

use super::Shape;
use super::random::{Random, Use};

/// What is special about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// One zone with as many records as the shape says.
    Giant(u32),
    /// One zone of 5,000 to 50,000 records.
    Heavy,
    /// 400 to 1,000 zones.
    Big,
    Ordinary,
}

/// Accounts with one heavy zone, each in fleets of so many zones or more: one or two in a fleet.
const HEAVY: [(u64, u64); 2] = [(5, 10_000), (11, 100_000)];

/// In larger fleets every so manieth account is a big one, the first near the beginning: a handful in
/// a million zones.
const BIG_EVERY: u64 = 150_000;
const BIG_FIRST: u64 = 17;
const BIG_FLEET_ZONES_MIN: u64 = 5_000;

pub(super) fn role(shape: &Shape, account: u64) -> Role {
    if let (0, Some(records)) = (account, shape.giant_records) {
        return Role::Giant(records);
    }
    if HEAVY.iter().any(|(heavy, zones_min)| account == *heavy && shape.zones >= *zones_min) {
        return Role::Heavy;
    }
    if account % BIG_EVERY == BIG_FIRST && shape.zones >= BIG_FLEET_ZONES_MIN {
        return Role::Big;
    }
    Role::Ordinary
}

/// Of .gov's organisations 94.2 % have one zone, of the owners of names in is-a.dev 95.3 %.
const SINGLE_ZONE: f64 = 0.94;

/// Where the tail of the other accounts ends.
const TAIL_ZONES_MAX: u64 = 300;

pub(super) fn zones(shape: &Shape, account: u64) -> u64 {
    let mut random = Random::of(shape.seed, Use::AccountSize, account, 0);
    match role(shape, account) {
        Role::Giant(_) | Role::Heavy => 1,
        Role::Big => 400 + random.below(601),
        Role::Ordinary if random.chance(SINGLE_ZONE) => 1,
        Role::Ordinary => tail(&mut random),
    }
}

/// A Pareto tail with exponent 1.5 from 2 up: k or more with the probability (2/k)^1.5.
fn tail(random: &mut Random) -> u64 {
    let share = random.share();
    // share < (2/k)^1.5, without a root: those of different machines may differ in the last bit.
    let reaches = |zones: u64| share * share * (zones * zones * zones) as f64 <= 8.0;
    let (mut low, mut high) = (2, TAIL_ZONES_MAX + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if reaches(middle) { low = middle } else { high = middle }
    }
    low
}

/// The log-normal distribution with median 9 and 1,000 at 99 % of 308 whole zones in use, as shares
/// of zones with fewer records: exact arithmetic alone lies between a draw and a size. It ends where
/// the largest of those zones was.
const BELOW: [(f64, f64); 20] = [
    (0.0, 0.0),
    (0.07673, 0.5),
    (0.18811, 1.5),
    (0.2635, 2.5),
    (0.32045, 3.5),
    (0.40392, 5.5),
    (0.48874, 8.5),
    (0.51065, 9.5),
    (0.57935, 13.5),
    (0.65783, 20.5),
    (0.75103, 35.5),
    (0.82665, 60.5),
    (0.8833, 100.5),
    (0.93068, 180.5),
    (0.96117, 320.5),
    (0.98098, 600.5),
    (0.99001, 1_000.5),
    (0.99556, 1_800.5),
    (0.99794, 3_000.5),
    (1.0, 5_000.5),
];

const MEDIAN: f64 = 9.0;

/// The records of a zone in use.
pub(super) fn records(shape: &Shape, account: u64, random: &mut Random) -> u32 {
    match role(shape, account) {
        Role::Giant(records) => return records,
        Role::Heavy => return 5_000 + random.below(45_001) as u32,
        Role::Big | Role::Ordinary => {}
    }
    let share = random.share();
    let above = BELOW.partition_point(|(below, _)| *below <= share);
    let [(from, low), (to, high)] = [BELOW[above - 1], BELOW[above]];
    let size = low + (high - low) * ((share - from) / (to - from));
    (size * (shape.records_median / MEDIAN) + 0.5) as u32
}

/// A guess by size: no source states a commercial plan.
pub(super) fn plan(records: u64, zones: u64) -> &'static str {
    match (records, zones) {
        (2_001.., _) | (_, 201..) => "enterprise",
        (201.., _) | (_, 21..) => "business",
        (21.., _) | (_, 3..) => "pro",
        _ => "free",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sorted: &[u64], share: f64) -> u64 {
        sorted[(sorted.len() as f64 * share) as usize]
    }

    #[test]
    fn zones_an_account_have_the_tail_that_was_counted() {
        let shape = Shape { zones: 1_000_000, ..Shape::default() };
        let mut zones: Vec<u64> = (0..300_000).map(|account| zones(&shape, account)).collect();
        zones.sort_unstable();
        let one = zones.partition_point(|zones| *zones == 1) as f64 / zones.len() as f64;
        assert!((0.938..0.942).contains(&one), "{one}");
        assert_eq!((at(&zones, 0.9), at(&zones, 0.95)), (1, 2));
        assert!((5..=8).contains(&at(&zones, 0.99)), "{}", at(&zones, 0.99));
        let big = &zones[zones.len() - 2..];
        assert!((400..=1_000).contains(&big[0]) && (400..=1_000).contains(&big[1]), "{big:?}");
        assert!(at(&zones, 0.99999) <= TAIL_ZONES_MAX);
    }

    #[test]
    fn records_a_zone_have_the_median_and_the_tail_that_were_counted() {
        let shape = Shape::default();
        let mut random = Random::of(1, Use::Draft, 0, 0);
        let mut sizes: Vec<u64> =
            (0..300_000).map(|_| u64::from(records(&shape, 1, &mut random))).collect();
        sizes.sort_unstable();
        assert_eq!(at(&sizes, 0.5), 9);
        assert!((100..140).contains(&at(&sizes, 0.9)), "{}", at(&sizes, 0.9));
        assert!((950..1_050).contains(&at(&sizes, 0.99)), "{}", at(&sizes, 0.99));
        assert!(sizes.last().is_some_and(|largest| *largest <= 5_000));
        let mean = sizes.iter().sum::<u64>() / sizes.len() as u64;
        assert!((55..70).contains(&mean), "{mean}");
    }

    #[test]
    fn plans_go_with_sizes() {
        for (records, zones, expected) in [
            (20, 2, "free"),
            (21, 1, "pro"),
            (1, 3, "pro"),
            (201, 1, "business"),
            (1, 21, "business"),
            (2_001, 1, "enterprise"),
            (1, 201, "enterprise"),
        ] {
            assert_eq!(plan(records, zones), expected, "{records} {zones}");
        }
    }
}

//! What one account has due at once delays nobody else.

use std::collections::HashMap;

use proptest::prelude::*;

use crate::*;

const WEEK: Duration = Duration::from_secs(7 * 86_400);

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Others wait past their target at most (the account's overdue time x 1.2 x its own rate + 32) /
    /// rate of the fleet, and a slot.
    #[test]
    fn a_large_account_delays_nobody(giant in 2_000_i64..10_000, others in 10_000_i64..20_000) {
        let cadences = cadences(&[]);
        let (mut agenda, mut last) = (agenda(&cadences), HashMap::new());
        for asset in 0..others {
            let ago = part(WEEK.mul_f64(0.98), asset as u64);
            agenda.insert(&scanned(asset, "free", ago), START);
            last.insert(asset, before(ago));
        }
        for asset in 1_000_000..1_000_000 + giant {
            let listed = Listed { account: AssetId(-1_000_000), ..scanned(asset, "free", WEEK) };
            agenda.insert(&listed, START);
        }
        let went = World::new(agenda, last, SECOND).run(START, 2 * DAY, SECOND);
        let period = WEEK.mul_f64(0.98).as_secs_f64();
        let overdue = WEEK.as_secs_f64() - period;
        let owed = overdue * 1.2 * giant as f64 / period + 32.0;
        let bound = 60.0 + owed * period / (others + giant) as f64;
        let worst = went.iter().filter(|scan| scan.asset < 1_000_000);
        let worst = worst.map(|scan| scan.after.as_secs_f64() - period).fold(0.0, f64::max);
        prop_assert!(worst <= bound, "another account's asset waited {worst} s, {bound} at most");
        prop_assert!(went.iter().any(|scan| 1_000_000 <= scan.asset), "the giant is not starved");
    }
}

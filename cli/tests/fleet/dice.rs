//! Random numbers that can be had again.
#![expect(clippy::print_stdout, reason = "a failing test tells with what numbers")]

use std::hash::{BuildHasher, RandomState};

pub(crate) struct Dice(u64);

impl Dice {
    /// Shows the seed; the same one gives the same numbers.
    pub(crate) fn seeded() -> Dice {
        let given = std::env::var("SCANFLOW_TEST_SEED").ok();
        let seed = given.map_or_else(
            || RandomState::new().hash_one(std::process::id()),
            |seed| seed.parse().expect("a number"),
        );
        println!("SCANFLOW_TEST_SEED={seed}");
        Dice(seed)
    }

    pub(crate) fn below(&mut self, limit: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).cast_signed() % limit
    }
}

//! Who is in the fleet of a scenario: by hashes, so that an asset needs no memory here.

use std::time::Duration;

use super::scenario::{Ages, FleetShape};
use crate::model::AssetId;

/// Zones of an account, itself among them.
pub(super) const ASSETS_AN_ACCOUNT: u64 = 3;

/// Even ages are those of a fleet that runs: scans go out 2 percent of the cadence before the promise,
/// and by their jitter up to half a percent before that.
const AGE_MAX: f64 = 0.975;

#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) plans: Vec<Plan>,
    ages: Ages,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    /// The first hash of a thousand that is none of this plan any more.
    below: u64,
    pub(super) cadence: Duration,
    /// At the start.
    age_max_us: f64,
}

/// An asset at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) asset: u64,
    /// The number of its plan.
    pub(super) plan: usize,
    /// How long ago it was scanned.
    pub(super) age: Duration,
}

impl Fleet {
    pub(super) fn new(shape: &FleetShape) -> Fleet {
        let mut below = 0;
        let plan = |(name, share): (&String, &u32)| {
            below += u64::from(*share);
            let cadence = shape.cadences[name].0;
            let age_max_us = cadence.as_micros() as f64 * AGE_MAX;
            Plan { name: name.clone(), below, cadence, age_max_us }
        };
        Fleet { plans: shape.shares.iter().map(plan).collect(), ages: shape.ages }
    }

    pub(super) fn account(asset: u64) -> u64 {
        asset / ASSETS_AN_ACCOUNT
    }

    /// The number of the plan, which is one for all assets of an account.
    pub(super) fn plan(&self, asset: u64) -> usize {
        let hash = mix(Self::account(asset) ^ 0x5ca1_ab1e) % 1_000;
        let plan = self.plans.iter().position(|plan| hash < plan.below);
        plan.expect("shares sum up to a thousand")
    }

    pub(super) fn member(&self, asset: u64) -> Member {
        let plan = self.plan(asset);
        Member { asset, plan, age: self.age(asset, plan) }
    }

    pub(super) fn number(&self, name: &str) -> usize {
        let number = self.plans.iter().position(|plan| plan.name == name);
        number.expect("events name plans of the fleet")
    }

    /// How long ago it was scanned at the start.
    fn age(&self, asset: u64, plan: usize) -> Duration {
        let hash = mix(asset);
        let part = match self.ages {
            Ages::Herd { share, age } if hash % 1_000 < u64::from(share) => age,
            Ages::Herd { .. } | Ages::Even => (mix(hash) >> 11) as f64 / (1_u64 << 53) as f64,
        };
        Duration::from_micros((self.plans[plan].age_max_us * part) as u64)
    }
}

pub(super) fn id(asset: u64) -> AssetId {
    AssetId(asset.cast_signed())
}

fn mix(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ key >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ key >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_and_ages_are_as_the_shape_says() {
        let ages = Ages::Herd { share: 700, age: 0.5 };
        let fleet = Fleet::new(&FleetShape { ages, ..FleetShape::default() });
        let free = fleet.number("free");
        let (mut of_free, mut in_herd) = (0, 0);
        for asset in 0..300_000 {
            let plan = fleet.plan(asset);
            assert_eq!(plan, fleet.plan(asset / 3 * 3), "an account has one plan");
            let age = fleet.age(asset, plan);
            let age_max = fleet.plans[plan].cadence.mul_f64(AGE_MAX);
            assert!(age <= age_max);
            of_free += u32::from(plan == free);
            in_herd += u32::from(age == age_max / 2);
        }
        assert!(of_free.abs_diff(270_000) < 1_500, "{of_free} of free");
        assert!(in_herd.abs_diff(210_000) < 1_500, "{in_herd} in the herd");
    }
}

//! What is scanned.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An account or a zone: both are assets, in one id space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssetId(pub i64);

impl AssetId {
    /// Decides which worker takes the asset.
    ///
    /// timely looks at the low bits only, and ids of one kind may share them: so they are mixed.
    pub fn route(self) -> u64 {
        let id = self.0.cast_unsigned();
        let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}

/// The two kinds of assets. They are scanned independently of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetKind {
    Account,
    Zone,
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AssetKind::Account => "account",
            AssetKind::Zone => "zone",
        })
    }
}

/// Raised by 1 in each transaction that changes the asset's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfigVersion(pub u64);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn even_ids_reach_every_worker() {
        let workers: BTreeSet<u64> = (0..64).map(|id| AssetId(id * 2).route() % 4).collect();
        assert_eq!(workers.len(), 4);
    }
}

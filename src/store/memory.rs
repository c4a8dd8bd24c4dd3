//! Keeps configurations in memory: for tests and experiments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::{SnapshotStore, StoreError};
use crate::model::{AssetId, ConfigVersion, Reference, Snapshot, ZoneSnapshot, ancestors};

/// Cloned freely; all clones are one store.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<RwLock<Fleet>>);

#[derive(Debug, Default)]
struct Fleet {
    assets: BTreeMap<AssetId, Snapshot>,
    /// The active zones. Names are not unique: of equal ones, the zone with the lowest id answers.
    by_name: BTreeMap<String, AssetId>,
}

impl Memory {
    pub fn new(snapshots: impl IntoIterator<Item = Snapshot>) -> Memory {
        let assets: BTreeMap<_, _> = snapshots.into_iter().map(|s| (s.asset(), s)).collect();
        let mut by_name = BTreeMap::new();
        for (asset, snapshot) in &assets {
            if let Snapshot::Zone(zone) = snapshot
                && zone.state.is_active()
            {
                by_name.entry(zone.name.clone()).or_insert(*asset);
            }
        }
        Memory(Arc::new(RwLock::new(Fleet { assets, by_name })))
    }

    /// Changes the configuration of a zone and raises its version, as one transaction. A zone keeps
    /// its name and status.
    pub fn change(&self, asset: AssetId, change: impl FnOnce(&mut ZoneSnapshot)) {
        let mut fleet = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Snapshot::Zone(zone)) = fleet.assets.get_mut(&asset) {
            change(zone);
            zone.config_version = ConfigVersion(zone.config_version.0 + 1);
        }
    }
}

#[async_trait]
impl SnapshotStore for Memory {
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
        let fleet = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = |asset: &AssetId| Some((*asset, fleet.assets.get(asset)?.clone()));
        Ok(assets.iter().filter_map(found).collect())
    }

    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError> {
        let fleet = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let answers = names.iter().filter_map(|name| {
            let holder = fleet.holder(name)?;
            let records = holder.records.at(name).iter().cloned().collect();
            let is_complete = holder.records_complete;
            Some((name.clone(), Reference { records, is_complete }))
        });
        Ok(answers.collect())
    }
}

impl Fleet {
    /// The active zone that `name` belongs to: the one with the longest name.
    fn holder(&self, name: &str) -> Option<&ZoneSnapshot> {
        let asset = ancestors(name).find_map(|suffix| self.by_name.get(suffix))?;
        match self.assets.get(asset)? {
            Snapshot::Zone(zone) => Some(zone),
            Snapshot::Account(_) => None,
        }
    }
}

//! Where snapshots come from, one store a file.
//!
//! To add a store: write `store/<name>.rs` with `impl SnapshotStore`, add its `mod` line, and give
//! it to the contract in `tests/stores.rs`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::checks::{self, Checks};
use crate::model::{AssetId, ConfigVersion, NamesBelow, OwnerRange, Records, Reference, Snapshot};

pub mod memory;
pub mod postgres;
mod shards;

pub use shards::{Shards, load_shard_with_references};

/// Reads configurations.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// The current snapshots of all `assets`, each at one config version and without references. An
    /// asset that is missing in the answer has vanished.
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError>;

    /// As [`SnapshotStore::load`], but for assets that have more records than are given with them.
    async fn load_up_to(
        &self,
        assets: &[(AssetId, u64)],
    ) -> Result<BTreeMap<AssetId, Found>, StoreError> {
        let ids: Vec<AssetId> = assets.iter().map(|(asset, _)| *asset).collect();
        let mut snapshots = self.load(&ids).await?;
        let found = assets.iter().filter_map(|(asset, records_max)| {
            let snapshot = snapshots.remove(asset)?;
            let records = snapshot.records() as u64;
            let is_too_large = *records_max < records;
            Some((
                *asset,
                if is_too_large { Found::TooLarge(records) } else { Found::Snapshot(snapshot) },
            ))
        });
        Ok(found.collect())
    }

    /// Asks for scans of assets that are too large for the lane they came in, so that a leader to come
    /// does them if this one dies. By asset the request that this one has to answer. A store that
    /// remembers nothing has nothing to do.
    async fn hand_over(&self, _assets: &[AssetId]) -> Result<BTreeMap<AssetId, i64>, StoreError> {
        Ok(BTreeMap::new())
    }

    /// What the fleet holds at each of `names`, by [`Reference`]'s rule. A name under no zone of
    /// the fleet may be missing in the answer.
    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError>;

    /// How a zone is cut into shards of about `records_max` records; None: the asset has vanished.
    ///
    /// What is said of shards here holds for any store, and loads all of the zone each time: a store
    /// that holds large ones says it in another way.
    async fn cut(&self, asset: AssetId, records_max: usize) -> Result<Option<Shards>, StoreError> {
        Ok(shards::whole(self, asset).await?.map(|snapshot| Shards::of(&snapshot, records_max)))
    }

    /// The current snapshot with the records of these owners alone, without what others hold; None:
    /// the asset has vanished.
    async fn load_shard(
        &self,
        asset: AssetId,
        owners: &OwnerRange,
    ) -> Result<Option<Snapshot>, StoreError> {
        Ok(shards::whole(self, asset).await?.map(|snapshot| shards::shard_of(snapshot, owners)))
    }

    /// What a zone itself holds at each of `names`, and at which config version. A name without
    /// records may be missing in the answer. None: the zone has vanished.
    async fn at(
        &self,
        zone: AssetId,
        names: &BTreeSet<String>,
    ) -> Result<Option<(ConfigVersion, BTreeMap<String, Records>)>, StoreError> {
        Ok(shards::whole(self, zone).await?.map(|snapshot| shards::at(&snapshot, names)))
    }

    /// The names of a zone below each of `parents`, which are in the answer all of them, and at which
    /// config version. None: the zone has vanished.
    async fn below(
        &self,
        zone: AssetId,
        parents: &BTreeSet<String>,
    ) -> Result<Option<(ConfigVersion, BTreeMap<String, NamesBelow>)>, StoreError> {
        Ok(shards::whole(self, zone).await?.map(|snapshot| shards::below(&snapshot, parents)))
    }
}

/// An asset, or how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub enum Found {
    Snapshot(Snapshot),
    /// It has so many records.
    TooLarge(u64),
}

/// Loads snapshots with the references that `checks` ask for. An alias that leads on is followed
/// by one more question for all zones together, and no name is asked for twice.
pub async fn load_with_references(
    store: &dyn SnapshotStore,
    checks: Checks,
    assets: &[AssetId],
) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
    let mut snapshots = store.load(assets).await?;
    refer(store, checks, snapshots.values_mut().collect()).await?;
    Ok(snapshots)
}

/// As [`load_with_references`], but for assets that have more records than are given with them.
pub async fn load_up_to_with_references(
    store: &dyn SnapshotStore,
    checks: Checks,
    assets: &[(AssetId, u64)],
) -> Result<BTreeMap<AssetId, Found>, StoreError> {
    let mut found = store.load_up_to(assets).await?;
    let snapshots = found.values_mut().filter_map(|found| match found {
        Found::Snapshot(snapshot) => Some(snapshot),
        Found::TooLarge(_) => None,
    });
    refer(store, checks, snapshots.collect()).await?;
    Ok(found)
}

async fn refer(
    store: &dyn SnapshotStore,
    checks: Checks,
    mut snapshots: Vec<&mut Snapshot>,
) -> Result<(), StoreError> {
    let mut answers: BTreeMap<String, Reference> = BTreeMap::new();
    loop {
        let mut unanswered = BTreeSet::new();
        for snapshot in &mut snapshots {
            let Snapshot::Zone(zone) = &mut **snapshot else { continue };
            loop {
                let mut known = Vec::new();
                checks::refer(checks, zone, &mut |name| {
                    if zone.references.contains_key(name) {
                        return;
                    }
                    match answers.get(name) {
                        Some(reference) => known.push((name.to_owned(), reference.clone())),
                        None => drop(unanswered.insert(name.to_owned())),
                    }
                });
                if known.is_empty() {
                    break;
                }
                zone.references.extend(known);
            }
        }
        if unanswered.is_empty() {
            return Ok(());
        }
        let mut resolved = store.resolve(&unanswered).await?;
        for name in unanswered {
            let reference = resolved.remove(&name).unwrap_or_default();
            answers.insert(name, reference);
        }
    }
}

/// The store cannot be read now. The operator `load` tries again for ever: a configuration that
/// cannot be read is no reason to say anything about it.
#[derive(Debug, thiserror::Error)]
#[error("could not load {what}")]
pub struct StoreError {
    pub what: String,
    /// Whether nothing can be read now, whatever is asked for.
    pub is_away: bool,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

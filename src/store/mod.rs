//! Where snapshots come from, one store a file.
//!
//! To add a store: write `store/<name>.rs` with `impl SnapshotStore`, add its `mod` line, and give
//! it to the contract in `tests/stores.rs`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::checks::{self, Checks};
use crate::model::{AssetId, Reference, Snapshot};

pub mod memory;
pub mod postgres;

/// Reads configurations.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// The current snapshots of all `assets`, each at one config version and without references. An
    /// asset that is missing in the answer has vanished.
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError>;

    /// What the fleet holds at each of `names`, by [`Reference`]'s rule. A name under no zone of
    /// the fleet may be missing in the answer.
    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError>;
}

/// Loads snapshots with the references that `checks` ask for. An alias that leads on is followed
/// by one more question for all zones together, and no name is asked for twice.
pub async fn load_with_references(
    store: &dyn SnapshotStore,
    checks: Checks,
    assets: &[AssetId],
) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
    let mut snapshots = store.load(assets).await?;
    let mut answers: BTreeMap<String, Reference> = BTreeMap::new();
    loop {
        let mut unanswered = BTreeSet::new();
        for snapshot in snapshots.values_mut() {
            let Snapshot::Zone(zone) = snapshot else { continue };
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
            return Ok(snapshots);
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
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

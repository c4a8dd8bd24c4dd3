//! What both lanes read snapshots with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checks::Checks;
use crate::model::{AssetId, ConfigVersion, OwnerRange, Snapshot};
use crate::store::{self, Found, SnapshotStore, StoreError};

/// A store of snapshots, and the checks that say what is read with them.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Reader {
    pub store: Arc<dyn SnapshotStore>,
    pub checks: Checks,
}

impl Reader {
    pub(super) async fn load_up_to(
        &self,
        assets: &[(AssetId, u64)],
    ) -> Result<BTreeMap<AssetId, Found>, StoreError> {
        store::load_up_to_with_references(&*self.store, self.checks, assets).await
    }

    pub(super) async fn load_shard(
        &self,
        asset: AssetId,
        owners: &OwnerRange,
        version: ConfigVersion,
    ) -> Result<Option<Snapshot>, StoreError> {
        store::load_shard_with_references(&*self.store, self.checks, asset, owners, version).await
    }
}

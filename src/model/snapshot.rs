//! The configuration of one asset at one version.

use super::{AccountSnapshot, AssetId, AssetKind, ConfigVersion, Facets, ZoneSnapshot};

/// What a scan judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    Account(AccountSnapshot),
    Zone(ZoneSnapshot),
}

impl Snapshot {
    pub fn asset(&self) -> AssetId {
        match self {
            Snapshot::Account(account) => account.asset,
            Snapshot::Zone(zone) => zone.asset,
        }
    }

    pub fn kind(&self) -> AssetKind {
        match self {
            Snapshot::Account(_) => AssetKind::Account,
            Snapshot::Zone(_) => AssetKind::Zone,
        }
    }

    pub fn config_version(&self) -> ConfigVersion {
        match self {
            Snapshot::Account(account) => account.config_version,
            Snapshot::Zone(zone) => zone.config_version,
        }
    }

    /// The source's own id of the account that the asset belongs to, or is.
    pub fn account(&self) -> &str {
        match self {
            Snapshot::Account(account) => &account.external_id,
            Snapshot::Zone(zone) => &zone.account,
        }
    }

    pub fn plan(&self) -> &str {
        match self {
            Snapshot::Account(account) => &account.plan,
            Snapshot::Zone(zone) => &zone.plan,
        }
    }

    pub fn facets(&self) -> Facets {
        match self {
            Snapshot::Account(account) => account.facets(),
            Snapshot::Zone(zone) => zone.facets(),
        }
    }

    /// Number of records; an account has none.
    pub fn records(&self) -> usize {
        match self {
            Snapshot::Account(_) => 0,
            Snapshot::Zone(zone) => zone.records.len(),
        }
    }

    /// False if the asset has records and not all of them are known.
    pub fn records_complete(&self) -> bool {
        match self {
            Snapshot::Account(_) => true,
            Snapshot::Zone(zone) => zone.records_complete,
        }
    }
}

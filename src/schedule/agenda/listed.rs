//! Assets as the schedule has to know them.

use crate::model::{AssetId, Measured, UnixTime};

/// An asset as the schedule has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub asset: AssetId,
    /// Itself, if it is one.
    pub account: AssetId,
    pub plan: String,
    /// When the last completed scan was emitted; None if there was none.
    pub scheduled_at: Option<UnixTime>,
    pub records: u64,
    /// What its scans cost; None: none was measured.
    pub measured: Option<Measured>,
}

/// What has become of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetChange {
    /// It is new, or has another plan.
    Listed(Listed),
    Removed(AssetId),
}

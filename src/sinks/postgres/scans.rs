//! Scans as the arrays that the functions of migrations V0005 and V0008 take.

use std::time::SystemTime;

use uuid::Uuid;

use crate::model::{Digest, Lane, Scan};

/// Columns of one length.
#[derive(Debug, Default)]
pub(super) struct Scans {
    pub(super) assets: Vec<i64>,
    pub(super) config_versions: Vec<i64>,
    pub(super) sequences: Vec<i64>,
    /// None if not every check was asked: such a scan does not count for the cadence.
    pub(super) scheduled_at: Vec<Option<SystemTime>>,
    pub(super) durations_us: Vec<i64>,
    pub(super) records: Vec<i32>,
    pub(super) digests: Vec<Option<Uuid>>,
    pub(super) costs: Vec<Option<i16>>,
    pub(super) slow: Vec<Option<bool>>,
}

impl Scans {
    /// These digests do not stand: insights that were not found stay open. The scans count all the same.
    pub(super) fn without_digests_of(mut self, is_kept: impl Fn(i64) -> bool) -> Scans {
        for (asset, digest) in self.assets.iter().zip(&mut self.digests) {
            if is_kept(*asset) {
                *digest = None;
            }
        }
        self
    }
}

impl<'s> FromIterator<(&'s Scan, Option<Digest>)> for Scans {
    fn from_iter<I: IntoIterator<Item = (&'s Scan, Option<Digest>)>>(scans: I) -> Scans {
        let mut columns = Scans::default();
        for (scan, digest) in scans {
            columns.assets.push(scan.asset.0);
            columns.config_versions.push(scan.fence.config_version.0.cast_signed());
            columns.sequences.push(scan.fence.sequence.0.cast_signed());
            columns.scheduled_at.push(digest.map(|_| scan.scheduled_at.into()));
            columns.durations_us.push(scan.duration.as_micros() as i64);
            columns.records.push(i32::try_from(scan.records).unwrap_or(i32::MAX));
            columns.digests.push(digest.map(|digest| Uuid::from_u128(digest.0)));
            columns.costs.push(scan.measured.map(|measured| measured.cost.stored()));
            columns.slow.push(scan.measured.map(|measured| measured.lane == Lane::Slow));
        }
        columns
    }
}

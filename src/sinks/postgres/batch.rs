//! Outcomes as the arrays that `flush_outcomes` takes.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use uuid::Uuid;

use crate::model::{CheckId, Outcome, Resolution, UnixTime};
use crate::sinks::Flushed;
use crate::store::postgres::{DatabaseError, Parameter, Session};

const FLUSH: &str = "select results, opened, changed, resolved, reopened
    from flush_outcomes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

/// Columns of one length: the outcomes, their scopes (each different one once) and their findings.
pub(super) struct Batch<'o> {
    assets: Vec<i64>,
    config_versions: Vec<i64>,
    sequences: Vec<i64>,
    scheduled_at: Vec<SystemTime>,
    durations_us: Vec<i64>,
    records: Vec<i32>,
    digests: Vec<Option<Uuid>>,
    scopes: Vec<i32>,
    scope_numbers: Vec<i32>,
    scope_checks: Vec<i16>,
    scope_disabled: Vec<bool>,
    finding_assets: Vec<i64>,
    finding_checks: Vec<i16>,
    finding_subjects: Vec<&'o str>,
    finding_severities: Vec<i16>,
    finding_evidence: Vec<&'o str>,
}

/// What a flush did.
pub(super) struct BatchFlushed {
    /// In the order of the outcomes.
    pub(super) results: Vec<Flushed>,
    /// Opened, changed, resolved, reopened.
    pub(super) rows: [u64; 4],
    /// Outcomes with the digest of the one before.
    pub(super) unchanged: u64,
}

impl<'o> Batch<'o> {
    /// `outcomes` in the order of their assets; `numbers` knows every check in them.
    pub(super) fn new(outcomes: &[&'o Outcome], numbers: &HashMap<CheckId, i16>) -> Batch<'o> {
        let scans = || outcomes.iter().map(|outcome| &outcome.scan);
        let mut different = BTreeMap::<Vec<(i16, bool)>, i32>::new();
        let mut scopes = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let checks = outcome.scope.checks();
            let checks =
                checks.map(|(check, resolution)| (numbers[check], is_disabled(resolution)));
            let checks = checks.collect();
            let next = different.len() as i32;
            scopes.push(*different.entry(checks).or_insert(next));
        }
        let scope_rows = || {
            let rows = different.iter().map(|(checks, number)| (checks.iter(), *number));
            rows.flat_map(|(checks, number)| checks.map(move |check| (number, *check)))
        };
        let findings = || {
            outcomes.iter().flat_map(|outcome| {
                let asset = outcome.scan.asset.0;
                outcome.findings.iter().map(move |((check, _), found)| (asset, check, found))
            })
        };
        Batch {
            assets: scans().map(|scan| scan.asset.0).collect(),
            config_versions: scans().map(|s| s.fence.config_version.0.cast_signed()).collect(),
            sequences: scans().map(|scan| scan.fence.sequence.0.cast_signed()).collect(),
            scheduled_at: scans().map(|scan| scan.scheduled_at.into()).collect(),
            durations_us: scans().map(|scan| scan.duration.as_micros() as i64).collect(),
            records: scans().map(|s| i32::try_from(s.records).unwrap_or(i32::MAX)).collect(),
            digests: outcomes.iter().map(|o| o.digest.map(|d| Uuid::from_u128(d.0))).collect(),
            scopes,
            scope_numbers: scope_rows().map(|(number, _)| number).collect(),
            scope_checks: scope_rows().map(|(_, (check, _))| check).collect(),
            scope_disabled: scope_rows().map(|(_, (_, is_disabled))| is_disabled).collect(),
            finding_assets: findings().map(|(asset, ..)| asset).collect(),
            finding_checks: findings().map(|(_, check, _)| numbers[check]).collect(),
            finding_subjects: findings().map(|(.., found)| found.subject.as_str()).collect(),
            finding_severities: findings().map(|(.., found)| found.severity as i16).collect(),
            finding_evidence: findings().map(|(.., found)| found.evidence.as_str()).collect(),
        }
    }

    pub(super) async fn flush(
        &self,
        session: &Session,
        now: UnixTime,
    ) -> Result<BatchFlushed, DatabaseError> {
        let at = SystemTime::from(now);
        let arguments: [&dyn Parameter; 17] = [
            &at,
            &self.assets,
            &self.config_versions,
            &self.sequences,
            &self.scheduled_at,
            &self.durations_us,
            &self.records,
            &self.digests,
            &self.scopes,
            &self.scope_numbers,
            &self.scope_checks,
            &self.finding_assets,
            &self.finding_checks,
            &self.finding_subjects,
            &self.finding_severities,
            &self.finding_evidence,
            &self.scope_disabled,
        ];
        let row = session.query_one(FLUSH, &arguments).await?;
        let codes: Vec<i16> = row.get(0);
        let unchanged = codes.iter().filter(|code| **code == 1).count() as u64;
        let results = codes.into_iter().map(|code| match code {
            0 | 1 => Flushed::Done,
            2 => Flushed::Duplicate,
            _ => Flushed::Stale,
        });
        let rows = [1, 2, 3, 4].map(|column| u64::from(row.get::<_, i32>(column).unsigned_abs()));
        Ok(BatchFlushed { results: results.collect(), rows, unchanged })
    }
}

fn is_disabled(resolution: Resolution) -> bool {
    match resolution {
        Resolution::Fixed => false,
        Resolution::CheckDisabled => true,
    }
}

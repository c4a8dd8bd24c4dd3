//! The way of ordinary flushes: one statement, `flush_outcomes`, over arrays.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use tokio_postgres::error::SqlState;

use super::BatchFlushed;
use super::scans::Scans;
use crate::model::{CheckId, Outcome, Resolution, UnixTime};
use crate::store::postgres::{DatabaseError, Parameter, Session};

const FLUSH: &str = "select results, opened, changed, resolved, reopened
    from flush_outcomes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19, $20)";

/// Columns of one length: the outcomes, their scopes (each different one once) and their findings.
pub(super) struct Batch<'o> {
    scans: Scans,
    scopes: Vec<i32>,
    scope_numbers: Vec<i32>,
    scope_checks: Vec<i16>,
    scope_disabled: Vec<bool>,
    finding_outcomes: Vec<i32>,
    finding_checks: Vec<i16>,
    finding_subjects: Vec<&'o str>,
    finding_severities: Vec<i16>,
    finding_evidence: Vec<&'o str>,
}

impl<'o> Batch<'o> {
    /// `outcomes` in the order of their assets; `numbers` knows every check in them.
    pub(super) fn new(outcomes: &[&'o Outcome], numbers: &HashMap<CheckId, i16>) -> Batch<'o> {
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
            (1i32..).zip(outcomes).flat_map(|(place, outcome)| {
                outcome.findings.iter().map(move |((check, _), found)| (place, check, found))
            })
        };
        Batch {
            scans: outcomes.iter().map(|outcome| (&outcome.scan, outcome.digest)).collect(),
            scopes,
            scope_numbers: scope_rows().map(|(number, _)| number).collect(),
            scope_checks: scope_rows().map(|(_, (check, _))| check).collect(),
            scope_disabled: scope_rows().map(|(_, (_, is_disabled))| is_disabled).collect(),
            finding_outcomes: findings().map(|(place, ..)| place).collect(),
            finding_checks: findings().map(|(_, check, _)| numbers[check]).collect(),
            finding_subjects: findings().map(|(.., found)| found.subject.as_str()).collect(),
            finding_severities: findings().map(|(.., found)| found.severity as i16).collect(),
            finding_evidence: findings().map(|(.., found)| found.evidence.as_str()).collect(),
        }
    }

    /// First without waiting for whoever writes the same assets, which is cheaper and nearly always
    /// right: within a job an asset is in one flight at a time.
    pub(super) async fn flush(
        &self,
        session: &Session,
        now: UnixTime,
    ) -> Result<BatchFlushed, DatabaseError> {
        match self.flush_once(session, now, false).await {
            Err(err) if err.sqlstate() == SqlState::LOCK_NOT_AVAILABLE.code() => {
                let flushed = self.flush_once(session, now, true).await?;
                Ok(BatchFlushed { round_trips: 2, ..flushed })
            }
            flushed => flushed,
        }
    }

    async fn flush_once(
        &self,
        session: &Session,
        now: UnixTime,
        in_order: bool,
    ) -> Result<BatchFlushed, DatabaseError> {
        let at = SystemTime::from(now);
        let arguments: [&dyn Parameter; 20] = [
            &at,
            &self.scans.assets,
            &self.scans.config_versions,
            &self.scans.sequences,
            &self.scans.scheduled_at,
            &self.scans.durations_us,
            &self.scans.records,
            &self.scans.digests,
            &self.scopes,
            &self.scope_numbers,
            &self.scope_checks,
            &self.scope_disabled,
            &self.finding_outcomes,
            &self.finding_checks,
            &self.finding_subjects,
            &self.finding_severities,
            &self.finding_evidence,
            &in_order,
            &self.scans.costs,
            &self.scans.slow,
        ];
        let row = session.query_one(FLUSH, &arguments).await?;
        let results: Vec<i16> = row.get(0);
        let rows = [1, 2, 3, 4].map(|column| u64::from(row.get::<_, i32>(column).unsigned_abs()));
        Ok(BatchFlushed { results, rows, round_trips: 1 })
    }
}

fn is_disabled(resolution: Resolution) -> bool {
    match resolution {
        Resolution::Fixed => false,
        Resolution::CheckDisabled => true,
    }
}

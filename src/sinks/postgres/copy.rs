//! The way of large flushes: what is new is copied into the tables, and only that.
//!
//! One transaction on one connection, in four round trips beside the streams, since what can be sent
//! without an answer is sent behind what comes before it:
//!
//! 1. begin; lock the assets, find out what is stale or unchanged;
//! 2. read what is stored; begin to copy insights;
//! 3. the new insights are through; begin to copy their history;
//! 4. the history is through; change, resolve, note the scans, commit.
//!
//! Nothing can be inserted between reading and copying: whoever writes insights of an asset holds its
//! lock. A statement that fails makes all behind it fail, the commit as well.

use std::collections::HashMap;
use std::time::SystemTime;

use futures_util::future::join;
use tokio_postgres::types::Type;

use super::BatchFlushed;
use super::copying::{Copying, Head, Pipeline, smalls};
use super::part::Part;
use super::scans::Scans;
use super::stored::{Change, Place, STORED, Stored};
use crate::model::{CheckId, Resolution, UnixTime};
use crate::store::postgres::{DatabaseError, Parameter, Session, Transaction};

const FENCE: &str = "select fence_outcomes($1, $2, $3, $4)";
const COPY_INSIGHTS: &str = "copy insights (asset_id, first_seen, changed_at, check_id, subject, \
    severity, evidence) from stdin binary";
const COPY_EVENTS: &str = "copy insight_events (at, asset_id, config_version, sequence, change, \
    check_id, subject, severity, evidence) from stdin binary";
const CHANGE: &str = "select change_insights($1, $2, $3, $4)";
const RESOLVE: &str = "select resolve_insights($1, $2, $3, $4, $5, $6)";
const COMPLETE: &str = "select complete_scans($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// One statement that changes or resolves has so many rows, or so many bytes of evidence.
const SLICE_ROWS_MAX: usize = 4_096;
const SLICE_BYTES_MAX: usize = 1 << 20;

/// About a millisecond.
const ROWS_A_TURN: usize = 1_024;

/// Statements behind which others are sent: none of them may have to be prepared by then. A question
/// behind a COPY that waits for rows would never be answered.
const SENT: [(&str, &[Type]); 4] = [
    (STORED, &[Type::INT8_ARRAY]),
    (CHANGE, &[Type::TIMESTAMPTZ, Type::TID_ARRAY, Type::INT2_ARRAY, Type::TEXT_ARRAY]),
    (
        RESOLVE,
        &[
            Type::TIMESTAMPTZ,
            Type::TID_ARRAY,
            Type::BOOL_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
        ],
    ),
    (
        COMPLETE,
        &[
            Type::TIMESTAMPTZ,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::TIMESTAMPTZ_ARRAY,
            Type::INT8_ARRAY,
            Type::INT4_ARRAY,
            Type::UUID_ARRAY,
            Type::INT2_ARRAY,
            Type::BOOL_ARRAY,
        ],
    ),
];

/// Applies outcomes in the order of their assets; `numbers` knows every check in them.
pub(super) async fn flush(
    session: &mut Session,
    parts: &[Part<'_>],
    numbers: &HashMap<CheckId, i16>,
    now: UnixTime,
) -> Result<BatchFlushed, DatabaseError> {
    for (sql, types) in SENT {
        session.prepare(sql, types).await?;
    }
    let asked: Scans = parts.iter().map(|part| (part.scan, part.digest)).collect();
    let fences: [&dyn Parameter; 4] =
        [&asked.assets, &asked.config_versions, &asked.sequences, &asked.digests];
    let (transaction, fenced) = session.transaction_with(FENCE, &fences).await?;
    let results: Vec<i16> = fenced.try_get(0)?;
    let compared = parts.iter().zip(&results).filter(|(_, result)| **result == 0);
    let compared: Vec<Part<'_>> = compared.map(|(part, _)| *part).collect();
    let newer = || parts.iter().zip(&results).filter(|(_, result)| **result <= 1);

    let at = SystemTime::from(now);
    let flight = Flight { transaction: &transaction, parts: &compared, numbers, now, at };
    let mut difference = Difference::default();
    let mut rest = Pipeline::default();
    if !compared.is_empty() {
        let history = flight.copy_insights(&mut difference).await?;
        flight.copy_history(history, &difference.stored, &mut rest).await?;
        flight.change(&difference, &mut rest).await?;
        flight.resolve(&difference.stored, &mut rest).await?;
    }
    let completed: Scans = newer().map(|(part, _)| (part.scan, part.digest)).collect();
    let completed = completed.without_digests_of(|asset| difference.stored.keeps(asset));
    if !completed.assets.is_empty() {
        rest.send(flight.complete(completed)).await?;
    }
    rest.send(transaction.batch_execute("commit")).await?;
    rest.finish().await?;
    transaction.was_committed();

    let resolved = difference.stored.missing().count() as u64;
    Ok(BatchFlushed {
        results,
        rows: [difference.opened, difference.changed, resolved, difference.reopened],
        round_trips: if compared.is_empty() { 2 } else { 4 },
    })
}

/// What is found against what is stored.
#[derive(Default)]
struct Difference {
    stored: Stored,
    opened: u64,
    changed: u64,
    reopened: u64,
}

struct Flight<'f> {
    transaction: &'f Transaction<'f>,
    /// Those that are compared.
    parts: &'f [Part<'f>],
    numbers: &'f HashMap<CheckId, i16>,
    now: UnixTime,
    at: SystemTime,
}

impl<'f> Flight<'f> {
    /// Reads what is stored and copies what is new, and begins to copy the history.
    async fn copy_insights(&self, difference: &mut Difference) -> Result<Copying, DatabaseError> {
        let (stored, copying) = join(
            Stored::read(self.transaction, self.parts, self.numbers),
            self.transaction.copy_in(COPY_INSIGHTS),
        )
        .await;
        let (mut stored, mut copying) = (stored?, Copying::new(copying?));
        let (mut check, mut seen) = (Vec::new(), 0);
        for part in self.parts {
            let head = Head::of_insight(part.scan, self.now);
            let (numbers, mut rows) = (self.numbers_of(part), part.findings.rows());
            while let Some(row) = rows.read()? {
                give_way(&mut seen).await;
                match stored.find(part.scan.asset.0, &row) {
                    None => {}
                    Some(Change::Changed(_)) => difference.changed += 1,
                    Some(Change::Reopened(_)) => difference.reopened += 1,
                    Some(Change::Opened) => {
                        difference.opened += 1;
                        smalls(None, numbers[row.check], &mut check);
                        copying.row([head.bytes(), &check, row.fields]).await?;
                    }
                }
            }
        }
        difference.stored = stored;
        let (copied, history) = join(copying.finish(), self.transaction.copy_in(COPY_EVENTS)).await;
        let copied = copied?;
        if copied != difference.opened {
            return Err(DatabaseError::Rows { sent: difference.opened, taken: copied });
        }
        Ok(Copying::new(history?))
    }

    /// Copies the history of what is new or other than before.
    async fn copy_history(
        &self,
        mut copying: Copying,
        stored: &Stored,
        rest: &mut Pipeline<'f>,
    ) -> Result<(), DatabaseError> {
        let (mut change_and_check, mut seen) = (Vec::new(), 0);
        for part in self.parts {
            let head = Head::of_event(part.scan, self.now);
            let (numbers, mut rows) = (self.numbers_of(part), part.findings.rows());
            while let Some(row) = rows.read()? {
                give_way(&mut seen).await;
                let change = match stored.change(part.scan.asset.0, &row) {
                    None => continue,
                    Some(Change::Opened) => 1,
                    Some(Change::Changed(_)) => 2,
                    Some(Change::Reopened(_)) => 4,
                };
                smalls(Some(change), numbers[row.check], &mut change_and_check);
                copying.row([head.bytes(), &change_and_check, row.fields]).await?;
            }
        }
        Ok(rest.send(async move { copying.finish().await.map(drop) }).await?)
    }

    /// Writes what is other than before into what is stored.
    async fn change(
        &self,
        difference: &Difference,
        rest: &mut Pipeline<'f>,
    ) -> Result<(), DatabaseError> {
        if difference.changed + difference.reopened == 0 {
            return Ok(());
        }
        let (mut slice, mut seen) = (Slice::default(), 0);
        for part in self.parts {
            let mut rows = part.findings.rows();
            while let Some(row) = rows.read()? {
                give_way(&mut seen).await;
                let place = match difference.stored.change(part.scan.asset.0, &row) {
                    None | Some(Change::Opened) => continue,
                    Some(Change::Changed(place) | Change::Reopened(place)) => place,
                };
                let finding = row.finding()?;
                slice.places.push(place);
                slice.severities.push(finding.severity as i16);
                slice.bytes += finding.evidence.len();
                slice.evidence.push(finding.evidence);
                if slice.places.len() == SLICE_ROWS_MAX || SLICE_BYTES_MAX <= slice.bytes {
                    rest.send(self.change_slice(std::mem::take(&mut slice))).await?;
                }
            }
        }
        if !slice.places.is_empty() {
            rest.send(self.change_slice(slice)).await?;
        }
        Ok(())
    }

    fn change_slice(&self, slice: Slice) -> impl Future<Output = Answer> + Send + 'f {
        let (transaction, at) = (self.transaction, self.at);
        async move {
            let Slice { places, severities, evidence, .. } = slice;
            transaction.execute(CHANGE, &[&at, &places, &severities, &evidence]).await.map(drop)
        }
    }

    /// Resolves what was not found again, with its history.
    async fn resolve(&self, stored: &Stored, rest: &mut Pipeline<'f>) -> Result<(), DatabaseError> {
        let mut missing = stored.missing().peekable();
        while missing.peek().is_some() {
            let slice = missing.by_ref().take(SLICE_ROWS_MAX);
            let (places, disabled): (Vec<Place>, Vec<bool>) = slice
                .map(|(place, resolution)| (place, resolution == Resolution::CheckDisabled))
                .unzip();
            let (transaction, at) = (self.transaction, self.at);
            let scans: Scans = self.parts.iter().map(|part| (part.scan, part.digest)).collect();
            let resolve = async move {
                let Scans { assets, config_versions, sequences, .. } = &scans;
                let arguments: [&dyn Parameter; 6] =
                    [&at, &places, &disabled, assets, config_versions, sequences];
                transaction.execute(RESOLVE, &arguments).await.map(drop)
            };
            rest.send(resolve).await?;
        }
        Ok(())
    }

    fn complete(&self, scans: Scans) -> impl Future<Output = Answer> + Send + 'f {
        let (transaction, at) = (self.transaction, self.at);
        async move {
            let arguments: [&dyn Parameter; 10] = [
                &at,
                &scans.assets,
                &scans.config_versions,
                &scans.sequences,
                &scans.scheduled_at,
                &scans.durations_us,
                &scans.records,
                &scans.digests,
                &scans.costs,
                &scans.slow,
            ];
            transaction.execute(COMPLETE, &arguments).await.map(drop)
        }
    }

    /// By the places of the checks in the spool.
    fn numbers_of(&self, part: &Part<'_>) -> Vec<i16> {
        part.findings.checks().iter().map(|check| self.numbers[check]).collect()
    }
}

/// Among thousands of rows that are not sent others get their turns on this thread.
async fn give_way(seen: &mut usize) {
    *seen += 1;
    if seen.is_multiple_of(ROWS_A_TURN) {
        tokio::task::yield_now().await;
    }
}

type Answer = Result<(), tokio_postgres::Error>;

#[derive(Default)]
struct Slice {
    places: Vec<Place>,
    severities: Vec<i16>,
    evidence: Vec<String>,
    bytes: usize,
}

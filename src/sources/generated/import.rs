//! Imports a generated fleet without files between.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::generate::{Fleet, Planted, Shape, ShapeError, Zone};
use crate::inventory::{AccountEntry, ContentHash, SetSeen, ZoneSeen};
use crate::model::Record;
use crate::sources::inventory::{Event, Report, analyze};
use crate::store::postgres::import::{BATCH_ASSETS_MAX, RecordsChange, SourceWriter};
use crate::store::postgres::{Database, DatabaseError};

/// The name of the source.
const SOURCE: &str = "generated";

/// A batch with so many records is full.
const BATCH_RECORDS: usize = 32_768;

/// What waits between the generator and the writer.
const BATCHES_MAX: usize = 2;

/// The import ended early. What is stored is whole, and the same import again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("the import was broken off")]
    Database(#[from] DatabaseError),
}

/// Imports the fleet of this shape as the source `generated`. Only what differs from what is stored
/// is written; what the source had before and this fleet has not stays.
pub async fn import(
    database: &Database,
    shape: &Shape,
    on_event: &mut (dyn FnMut(Event) + Send),
) -> Result<Report, ImportError> {
    import_and_count(database, shape, on_event).await.map(|(report, _)| report)
}

/// As [`import`], also with what a scan must find.
pub async fn import_and_count(
    database: &Database,
    shape: &Shape,
    on_event: &mut (dyn FnMut(Event) + Send),
) -> Result<(Report, Planted), ImportError> {
    let fleet = Fleet::new(shape.clone())?;
    let mut writer = SourceWriter::open(database, SOURCE).await?;
    let (sender, mut batches) = mpsc::channel(BATCHES_MAX);
    // Nobody listens any more when the import has failed.
    let task = spawn_blocking(move || {
        Batches::new(|batch| sender.blocking_send(batch).is_ok()).of(&fleet);
    });
    let mut report = Report { sources: 1, ..Report::default() };
    let mut planted = Planted::default();
    while let Some(batch) = batches.recv().await {
        planted.merge(&batch.planted);
        store(&mut writer, batch, &mut report, on_event).await?;
    }
    if let Err(err) = task.await {
        std::panic::resume_unwind(err.into_panic());
    }
    analyze(database, &report).await?;
    Ok((report, planted))
}

async fn store(
    writer: &mut SourceWriter,
    Batch { accounts, zones, planted: _ }: Batch,
    report: &mut Report,
    on_event: &mut (dyn FnMut(Event) + Send),
) -> Result<(), DatabaseError> {
    let written = writer.accounts(&accounts).await?;
    report.written.changed += written.changed;
    report.written.unchanged += written.unchanged;
    report.accounts += accounts.len() as u64;
    let count = zones.len() as u64;
    let last_account = zones.last().map(|(zone, _)| zone.entry.account_id.clone());
    let (mut seen, mut sets, mut records) = (Vec::with_capacity(zones.len()), HashMap::new(), 0);
    for (zone, set) in zones {
        records += set.len() as u64;
        sets.insert(zone.entry.external_id.clone(), set);
        seen.push(zone);
    }
    let changes = writer.compare(seen, &mut report.written).await?;
    let changes: Vec<_> = changes
        .into_iter()
        .map(|change| {
            let set = sets.remove(&change.entry.external_id);
            let set = set.filter(|_| change.records != RecordsChange::Stay);
            (change, set.unwrap_or_default())
        })
        .collect();
    report.written.changed += changes.len() as u64;
    writer.zones(changes).await?;
    if let Some(account) = last_account {
        writer.forget_accounts_but(&account);
    }
    report.zones += count;
    report.records += records;
    on_event(Event::Stored { source: SOURCE.to_owned(), zones: count, records });
    Ok(())
}

/// Accounts, and zones of these or of the last account of the batch before.
#[derive(Default)]
struct Batch {
    accounts: Vec<AccountEntry>,
    zones: Vec<(ZoneSeen, Vec<Record>)>,
    planted: Planted,
}

/// Parts a fleet into batches.
struct Batches<F> {
    batch: Batch,
    records: usize,
    /// Says whether it wants more.
    send: F,
}

impl<F: FnMut(Batch) -> bool> Batches<F> {
    fn new(send: F) -> Batches<F> {
        Batches { batch: Batch::default(), records: 0, send }
    }

    fn of(mut self, fleet: &Fleet) {
        for account in fleet.accounts() {
            self.batch.planted.add(&account.expected);
            let zones = account.zones();
            self.batch.accounts.push(account.entry.clone());
            for zone in zones {
                self.zone(zone);
                let is_full =
                    self.batch.zones.len() >= BATCH_ASSETS_MAX || self.records >= BATCH_RECORDS;
                if is_full && !self.flush() {
                    return;
                }
            }
        }
        self.flush();
    }

    fn zone(&mut self, Zone { entry, records, expected }: Zone) {
        self.batch.planted.add(&expected);
        self.records += records.len();
        let hashes = records.iter().map(ContentHash::of_record);
        let hash = hashes.fold(ContentHash::default(), |sum, hash| sum + hash);
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let set = SetSeen::Whole { records: count, hash };
        self.batch.zones.push((ZoneSeen { entry, set }, records));
    }

    fn flush(&mut self) -> bool {
        self.records = 0;
        (self.send)(std::mem::take(&mut self.batch))
    }
}

//! Imports inventories from files.
//!
//! Each source is read twice. The first reading sees what is listed and whole, so that nothing has
//! been written when a line far behind shows that a set is not; the second one brings the records
//! of the zones that differ from what is stored. Of records, no more than a few batches are held at a
//! time, and of zone files one, whole, with what it includes.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::inventory::{ContentHash, Place, Problem, Surveyed};
use crate::schedule::Cadences;
use crate::store::postgres::import::{
    BATCH_ASSETS_MAX, Present, RecordsChange, SourceWriter, Written, ZoneChange,
};
use crate::store::postgres::{Database, DatabaseError};

mod cloudflare;
mod lines;
mod owners;
mod read;
mod reading;
mod walk;
mod zonefiles;

pub use owners::Owner;
pub use walk::{Found, Source, WalkError, walk};

/// So many changed assets make the statistics of the tables worthless.
const ANALYZED_ABOVE: u64 = 1_000;

/// What to import and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub paths: Vec<PathBuf>,
    /// The source of all paths; None: each is named after its file or folder.
    pub source: Option<String>,
    /// Of zones in zone files that `owners.csv` does not name; its plan also that of accounts in a
    /// provider's JSON, which states none.
    pub owner: Owner,
    /// The sources hold only a part of each zone's records.
    pub records_partial: bool,
    /// Sources whose assets are removed if they are no longer listed.
    pub prune: Vec<String>,
    /// Says which plans have a cadence.
    pub cadences: Cadences,
}

/// What an import did, over all sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub sources: u64,
    pub accounts: u64,
    pub zones: u64,
    /// Of whole record sets.
    pub records: u64,
    /// Accounts and zones.
    pub written: Written,
    /// Accounts and zones that their source no longer lists.
    pub removed: u64,
    pub problems: u64,
}

/// Something that happens on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was passed over.
    Skipped(Problem),
    Problem(Problem),
    /// So many more lines of a source were read.
    Read {
        source: String,
        lines: u64,
    },
    /// So many more zones and records were stored, or found to be stored as they are.
    Stored {
        source: String,
        zones: u64,
        records: u64,
    },
    /// Nothing of the source was removed, since a problem hides what it lists.
    PruneRefused {
        source: String,
    },
}

/// The import ended early. What is stored is whole, and the same import again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("cannot prune {source_name:?}: the paths hold {found}")]
    NothingToPrune { source_name: String, found: String },
    #[error("the import was broken off")]
    Database(#[from] DatabaseError),
}

/// Imports all sources below the paths. Bad input is told of as [`Event::Problem`], and everything
/// else is stored.
pub async fn import(
    database: &Database,
    options: &Options,
    on_event: &mut (dyn FnMut(Event) + Send),
) -> Result<Report, ImportError> {
    let found = walk(&options.paths, options.source.as_deref(), &options.owner)?;
    for name in &options.prune {
        if !found.sources.iter().any(|source| source.name == *name) {
            let names: Vec<&str> = found.sources.iter().map(|source| &*source.name).collect();
            let (source_name, found) = (name.clone(), names.join(", "));
            return Err(ImportError::NothingToPrune { source_name, found });
        }
    }
    found.notes.into_iter().for_each(|note| on_event(Event::Skipped(note)));

    let mut report = Report::default();
    let mut sources = found.sources.into_iter();
    let mut next = sources.next().map(|source| reading::survey(source, options));
    while let Some(reading) = next {
        let (source, surveyed) = reading.join(&mut report, on_event).await;
        // The next source is read while this one is written.
        next = sources.next().map(|source| reading::survey(source, options));
        Import { source, report: &mut report, on_event }
            .run(database, surveyed, &options.prune)
            .await?;
    }
    analyze(database, &report).await?;
    Ok(report)
}

/// Brings the statistics of the tables up to date, if an import changed much.
pub(super) async fn analyze(database: &Database, report: &Report) -> Result<(), DatabaseError> {
    if report.written.changed > ANALYZED_ABOVE {
        let client = database.client().await?;
        client.execute("analyze accounts, zones, records, scan_state", &[]).await?;
    }
    Ok(())
}

/// The import of one source.
struct Import<'i> {
    source: Source,
    report: &'i mut Report,
    on_event: &'i mut (dyn FnMut(Event) + Send),
}

impl Import<'_> {
    async fn run(
        mut self,
        database: &Database,
        surveyed: Surveyed,
        prune: &[String],
    ) -> Result<(), DatabaseError> {
        let Surveyed { accounts, zones, records, listing_complete } = surveyed;
        self.report.sources += 1;
        self.report.accounts += accounts.len() as u64;
        self.report.zones += zones.len() as u64;
        self.report.records += records;
        let is_pruned = prune.contains(&self.source.name);
        if accounts.is_empty() && zones.is_empty() && !(is_pruned && listing_complete) {
            // Nothing is stored of what may be no inventory at all, not even that it is a source.
            if is_pruned {
                (self.on_event)(Event::PruneRefused { source: self.source.name });
            }
            return Ok(());
        }
        let seen_accounts: HashSet<String> =
            accounts.iter().filter(|_| is_pruned).map(|a| a.external_id.clone()).collect();
        let seen_zones: HashSet<String> =
            zones.iter().filter(|_| is_pruned).map(|z| z.entry.external_id.clone()).collect();

        let mut writer = SourceWriter::open(database, &self.source.name).await?;
        let written = writer.accounts(&accounts).await?;
        self.report.written.changed += written.changed;
        self.report.written.unchanged += written.unchanged;
        drop(accounts);

        let mut with_records: HashMap<String, ZoneChange> = HashMap::new();
        let mut zones = zones.into_iter();
        loop {
            let batch: Vec<_> = zones.by_ref().take(BATCH_ASSETS_MAX).collect();
            if batch.is_empty() {
                break;
            }
            let compared = batch.len();
            let changes = writer.compare(batch, &mut self.report.written).await?;
            let mut at_once = Vec::new();
            let mut later = 0;
            for change in changes {
                match change.records {
                    RecordsChange::Replace(hash) if hash != ContentHash::default() => {
                        later += 1;
                        with_records.insert(change.entry.external_id.clone(), change);
                    }
                    _ => at_once.push((change, Vec::new())),
                }
            }
            self.report.written.changed += at_once.len() as u64;
            writer.zones(at_once).await?;
            self.stored(compared - later, 0);
        }
        if !with_records.is_empty() {
            self.records(&mut writer, with_records).await?;
        }
        if is_pruned
            && listing_complete
            && !self.empties(&writer, &seen_accounts, &seen_zones).await?
        {
            self.report.removed += writer.prune(&seen_accounts, &seen_zones).await?;
        } else if is_pruned {
            (self.on_event)(Event::PruneRefused { source: self.source.name });
        }
        Ok(())
    }

    /// Whether a source that has accounts or zones lists none of them any more, which is told of:
    /// rather a file that nobody has written than a fleet that is gone.
    async fn empties(
        &mut self,
        writer: &SourceWriter,
        accounts: &HashSet<String>,
        zones: &HashSet<String>,
    ) -> Result<bool, DatabaseError> {
        if !accounts.is_empty() && !zones.is_empty() {
            return Ok(false);
        }
        let present = writer.present().await?;
        let kind = match present {
            Present { zones: true, .. } if zones.is_empty() => "zone",
            Present { accounts: true, .. } if accounts.is_empty() => "account",
            _ => return Ok(false),
        };
        let place = Place { file: self.source.last_file(), line: 0 };
        let reason = format!("no {kind} is listed, but the source has some");
        self.report.problems += 1;
        (self.on_event)(Event::Problem(Problem { place, reason }));
        Ok(true)
    }

    /// Stores the zones whose records are replaced.
    async fn records(
        &mut self,
        writer: &mut SourceWriter,
        mut changes: HashMap<String, ZoneChange>,
    ) -> Result<(), DatabaseError> {
        let chosen = changes.iter().filter_map(|(id, change)| match change.records {
            RecordsChange::Replace(hash) => Some((id.clone(), hash)),
            RecordsChange::Stay => None,
        });
        let mut reading = reading::select(self.source.clone(), chosen.collect());
        while let Some(batch) = reading.batches.recv().await {
            let mut records = 0;
            let mut zones = Vec::with_capacity(batch.len());
            for set in batch {
                if let Some(change) = changes.remove(&set.zone_id) {
                    records += set.records.len();
                    zones.push((change, set.records));
                }
            }
            let count = zones.len();
            writer.zones(zones).await?;
            self.report.written.changed += count as u64;
            self.stored(count, records);
        }
        for zone_id in reading.missing().await {
            let place = Place { file: self.source.last_file(), line: 0 };
            let reason = format!("the zone {zone_id:?} changed while it was read: not stored");
            self.report.problems += 1;
            (self.on_event)(Event::Problem(Problem { place, reason }));
        }
        Ok(())
    }

    fn stored(&mut self, zones: usize, records: usize) {
        let (zones, records) = (zones as u64, records as u64);
        (self.on_event)(Event::Stored { source: self.source.name.clone(), zones, records });
    }
}

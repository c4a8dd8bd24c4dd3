//! Writes a generated fleet as files: the three that an import reads, and the truth.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use zstd::Encoder;

use crate::generate::{Expected, Fleet, Planted, Shape, ShapeError};
use crate::inventory::ndjson::{write_account, write_record, write_zone};

const ACCOUNTS: &str = "accounts";
const ZONES: &str = "zones";
const RECORDS: &str = "records";
const EXPECTED: &str = "expected";
/// The zones come last: without them nothing is imported.
const NAMES: [&str; 4] = [EXPECTED, ACCOUNTS, RECORDS, ZONES];

/// How much of a file waits to be compressed.
const BUFFER_BYTES: usize = 1 << 18;

/// Faster than reading it is again.
const ZSTD_LEVEL: i32 = 3;

/// How often it is said how far the writing is.
const ZONES_PER_REPORT: u64 = 256;
/// At the latest, in a huge zone.
const RECORDS_PER_REPORT: u64 = 1 << 16;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub accounts: u64,
    pub zones: u64,
    pub records: u64,
    pub planted: Planted,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    GoOn,
    Stop,
}

/// No folder was made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("{} holds something already: give an empty or a new folder", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} is not a folder", .0.display())]
    NoFolder(PathBuf),
    #[error("could not write {}", path.display())]
    Failed {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("stopped")]
    Stopped,
}

/// Writes the fleet of this shape into a folder that is empty or new: it is there as a whole or not
/// at all. The lines are the same for the same shape, and the files for the same zstd.
pub fn write(
    folder: &Path,
    shape: &Shape,
    on_progress: &mut dyn FnMut(&Written) -> Writing,
) -> Result<Written, WriteError> {
    let fleet = Fleet::new(shape.clone())?;
    let aside = Aside::of(folder)?;
    let mut files = Files {
        accounts: Lines::create(&aside.path, ACCOUNTS)?,
        zones: Lines::create(&aside.path, ZONES)?,
        records: Lines::create(&aside.path, RECORDS)?,
        expected: Lines::create(&aside.path, EXPECTED)?,
    };
    let mut written = Written::default();
    let mut tell = |written: &Written| match on_progress(written) {
        Writing::GoOn => Ok(()),
        Writing::Stop => Err(WriteError::Stopped),
    };
    for account in fleet.accounts() {
        write_account(&mut files.accounts.buffer, &account.entry);
        files.accounts.flush_full()?;
        let id = &account.entry.external_id;
        files.expected(Asset::Account { asset: id }, &account.expected)?;
        written.planted.add(&account.expected);
        written.accounts += 1;
        for zone in account.zones() {
            let id = &zone.entry.external_id;
            write_zone(&mut files.zones.buffer, &zone.entry, zone.records.len());
            files.zones.flush_full()?;
            for record in &zone.records {
                write_record(&mut files.records.buffer, id, record);
                files.records.flush_full()?;
                written.records += 1;
                if written.records.is_multiple_of(RECORDS_PER_REPORT) {
                    tell(&written)?;
                }
            }
            files.expected(Asset::Zone { zone: id }, &zone.expected)?;
            written.planted.add(&zone.expected);
            written.zones += 1;
            if written.zones.is_multiple_of(ZONES_PER_REPORT) {
                tell(&written)?;
            }
        }
    }
    let Files { accounts, zones, records, expected } = files;
    [accounts, zones, records, expected].into_iter().try_for_each(Lines::finish)?;
    aside.finish()?;
    Ok(written)
}

struct Files {
    accounts: Lines,
    zones: Lines,
    records: Lines,
    expected: Lines,
}

impl Files {
    fn expected(&mut self, asset: Asset<'_>, all: &[Expected]) -> Result<(), WriteError> {
        for Expected { check, subject, verdict } in all {
            let verdict = verdict.name();
            let line = ExpectedLine { check, asset, subject, verdict };
            let buffer = &mut self.expected.buffer;
            serde_json::to_writer(&mut *buffer, &line).expect("the keys are strings");
            buffer.push(b'\n');
        }
        self.expected.flush_full()
    }
}

/// What must be found of one subject.
#[derive(Serialize)]
struct ExpectedLine<'e> {
    check: &'e str,
    #[serde(flatten)]
    asset: Asset<'e>,
    subject: &'e str,
    verdict: &'e str,
}

/// The external id of the asset.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Asset<'e> {
    Account { asset: &'e str },
    Zone { zone: &'e str },
}

fn file_name(name: &str) -> String {
    format!("{name}.jsonl.zst")
}

/// A compressed file of lines.
struct Lines {
    path: PathBuf,
    buffer: Vec<u8>,
    encoder: Encoder<'static, File>,
}

impl Lines {
    fn create(folder: &Path, name: &str) -> Result<Lines, WriteError> {
        let path = folder.join(file_name(name));
        let encoder = File::create(&path).and_then(|file| Encoder::new(file, ZSTD_LEVEL));
        match encoder {
            Ok(encoder) => Ok(Lines { path, buffer: Vec::with_capacity(BUFFER_BYTES), encoder }),
            Err(source) => Err(WriteError::Failed { path, source }),
        }
    }

    fn flush_full(&mut self) -> Result<(), WriteError> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        let written = self.encoder.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|source| WriteError::Failed { path: self.path.clone(), source })
    }

    fn finish(self) -> Result<(), WriteError> {
        let Lines { path, buffer, mut encoder } = self;
        let written = encoder.write_all(&buffer).and_then(|()| encoder.finish());
        let synced = written.and_then(|file| file.sync_all());
        synced.map_err(|source| WriteError::Failed { path, source })
    }
}

/// Where the files grow; what is left of it when it is dropped goes away.
struct Aside {
    path: PathBuf,
    target: Target,
}

enum Target {
    /// A folder that is new: the whole one takes this name.
    New(PathBuf),
    /// One that exists, and may be a link, a mount or the one that we are in: the files move in.
    Empty(PathBuf),
}

impl Aside {
    fn of(folder: &Path) -> Result<Aside, WriteError> {
        let failed = |source| WriteError::Failed { path: folder.to_owned(), source };
        let name = format!(".{}.partial", std::process::id());
        // Without a `/` at the end.
        let folder: &Path = &folder.components().collect::<PathBuf>();
        let (path, target) = match fs::read_dir(folder) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(WriteError::NotEmpty(folder.to_owned()));
                }
                (folder.join(name), Target::Empty(folder.to_owned()))
            }
            // A link that leads nowhere is there all the same.
            Err(err) if err.kind() == io::ErrorKind::NotFound && !folder.is_symlink() => {
                let Some(own) = folder.file_name() else {
                    return Err(WriteError::NoFolder(folder.to_owned()));
                };
                let beside = format!(".{}{name}", own.to_string_lossy());
                (folder.with_file_name(beside), Target::New(folder.to_owned()))
            }
            Err(err)
                if matches!(err.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) =>
            {
                return Err(WriteError::NoFolder(folder.to_owned()));
            }
            Err(err) => return Err(failed(err)),
        };
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Aside { path, target }),
            Err(source) => Err(WriteError::Failed { path, source }),
        }
    }

    fn finish(self) -> Result<(), WriteError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| WriteError::Failed { path, source }
        };
        match &self.target {
            Target::New(folder) => fs::rename(&self.path, folder).map_err(failed(folder)),
            Target::Empty(folder) => {
                let moved = NAMES.iter().try_for_each(|name| {
                    let file = file_name(name);
                    let target = folder.join(&file);
                    fs::rename(self.path.join(file), &target).map_err(failed(&target))
                });
                moved.inspect_err(|_| {
                    for name in NAMES {
                        let _ = fs::remove_file(folder.join(file_name(name))); // it was empty
                    }
                })
            }
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Already an error on the way out, or a folder that nobody misses.
        let _ = fs::remove_dir_all(&self.path);
    }
}

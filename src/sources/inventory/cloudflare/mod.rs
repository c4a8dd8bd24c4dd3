//! Folders of answers of Cloudflare's API.
//!
//! What the answers list is put together before it is handed over, since settings, DNSSEC and
//! members have answers of their own; the records are read page by page.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::listing::Listing;
use super::lines::open;
use super::owners::Owner;
use crate::inventory::cloudflare::{self, Answer, AnswerError, Kind, Pages, subject_of_path};
use crate::inventory::{Entry, Gather, Holds, Place, Subject};

mod listing;

/// One answer is one page, which the API keeps below 5 MB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The names of answers, with anything behind them.
const NAMES: [&str; 6] = ["zones", "accounts", "dns_records", "settings", "dnssec", "members"];

/// Whether a file is a list of zones, which no folder of answers is without.
pub(super) fn lists_zones(file: &Path) -> bool {
    let path = path_text(file);
    let is_named = path.ends_with(".json") && name(&path).starts_with("zones");
    is_named && matches!(parse(file), Ok(answer) if answer.kind(&path) == Ok(Kind::Zones))
}

/// Hands what answers say to `gather`.
pub(super) fn read<G: Gather>(
    files: &[PathBuf],
    owner: &Owner,
    gather: &mut G,
    report: &mut dyn FnMut(&mut G, u64),
) {
    let mut listing = Listing::default();
    gather.begin_file(Holds::LISTING);
    for file in files {
        listing.take(file, gather);
    }
    let record_files = listing.hand_over(owner, gather);
    gather.end_file();
    for (zone, files) in record_files {
        if !gather.wants_more() {
            return;
        }
        let records = records(zone.as_deref(), &files, gather);
        report(gather, records);
    }
}

/// Hands over the records of one zone. Returns how many there were.
fn records<G: Gather>(zone: Option<&str>, files: &[PathBuf], gather: &mut G) -> u64 {
    gather.begin_file(Holds::RECORDS);
    let subject = |zone: Option<&str>| {
        zone.map_or(Subject::Unknown, |zone| Subject::RecordOf(zone.to_owned()))
    };
    let (mut pages, mut records, mut is_read) = (Pages::default(), 0, true);
    for file in files {
        let place = place(file);
        let answer = match parse(file) {
            Ok(answer) => answer,
            Err(err) => {
                is_read = false;
                gather.fault(&place, subject(zone), err.to_string());
                continue;
            }
        };
        let path = path_text(file);
        let page = cloudflare::records(&answer, subject_of_path(&path));
        let count = page.entries.len() + page.faults.len();
        pages.add(answer.page(), count);
        records += count as u64;
        for entry in page.entries {
            gather.entry(&place, Entry::Record(entry));
        }
        for fault in page.faults {
            let reason = fault.to_string();
            gather.fault(&place, subject(fault.zone_id.as_deref()), reason);
        }
    }
    if is_read
        && zone.is_some()
        && let (Some(reason), Some(first)) = (pages.missing(), files.first())
    {
        gather.fault(&place(first), subject(zone), reason);
    }
    gather.end_file();
    records
}

fn place(file: &Path) -> Place {
    Place { file: Arc::new(file.to_owned()), line: 0 }
}

fn parse(file: &Path) -> Result<Answer, AnswerError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        open(file)?.take(ANSWER_BYTES_MAX).read_to_end(&mut text)?;
        Ok(text)
    };
    Answer::parse(&read().map_err(|err| AnswerError::NotAnAnswer(err.to_string()))?)
}

/// A path as the layout of answers has it.
fn path_text(file: &Path) -> String {
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
    let path = parts.join("/");
    path.strip_suffix(".zst").map(str::to_owned).unwrap_or(path)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file is an answer by its place.
fn is_expected(path: &str) -> bool {
    NAMES.iter().any(|start| name(path).starts_with(start)) || subject_of_path(path).is_some()
}

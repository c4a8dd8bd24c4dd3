//! Drives the parsers over the files of a source.

use std::path::Path;
use std::sync::Arc;

use super::lines::{Line, Lines, open};
use super::walk::{Part, Source};
use super::{cloudflare, zonefiles};
use crate::inventory::ndjson::{self, LineKind};
use crate::inventory::{Gather, Holds, Place, Subject};

/// How often a reading says how far it is.
const LINES_PER_REPORT: u64 = 1 << 14;

/// Called with what a reading gathers and the count of lines since the last call.
pub(super) type Report<'r, G> = &'r mut dyn FnMut(&mut G, u64);

/// Hands all entries of a source to `gather`: accounts and zones before records.
pub(super) fn everything<G: Gather>(source: &Source, gather: &mut G, report: Report<'_, G>) {
    for part in &source.parts {
        if let Part::Lines { file, kind } = part
            && *kind != Some(LineKind::Record)
        {
            lines(file, *kind, Half::Listing, gather, report);
        }
    }
    records(source, gather, report);
}

/// Hands the records of a source to `gather`, and in formats that do not keep them apart also what
/// else is there.
pub(super) fn records<G: Gather>(source: &Source, gather: &mut G, report: Report<'_, G>) {
    for part in &source.parts {
        match part {
            Part::Lines { file, kind: kind @ (None | Some(LineKind::Record)) } => {
                lines(file, *kind, Half::Records, gather, report);
            }
            Part::Lines { .. } => {}
            Part::Cloudflare { files } => cloudflare::read(files, &source.owner, gather, report),
            Part::ZoneFiles { files, owners } => {
                zonefiles::read(files, owners.as_deref(), &source.owner, gather, report);
            }
        }
    }
}

/// What is taken from a file that holds everything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Listing,
    Records,
}

fn lines<G: Gather>(
    file: &Path,
    kind: Option<LineKind>,
    half: Half,
    gather: &mut G,
    report: Report<'_, G>,
) {
    let mut place = Place { file: Arc::new(file.to_owned()), line: 0 };
    // A damaged mixed file is told of once, when its records are read.
    let is_mixed_listing = kind.is_none() && half == Half::Listing;
    gather.begin_file(match kind {
        None if half == Half::Records => Holds::BOTH,
        Some(LineKind::Record) => Holds::RECORDS,
        _ => Holds::LISTING,
    });
    let mut lines = match open(file) {
        Ok(reader) => Lines::new(reader),
        Err(err) => {
            if !is_mixed_listing {
                gather.cut(&place, format!("cannot be read: {err}"));
            }
            return gather.end_file();
        }
    };
    while gather.wants_more() {
        let line = match lines.next() {
            Ok(Some(Line::Text(line))) => match kind {
                Some(kind) => Some(ndjson::entry(kind, line)),
                None => of_half(half, line),
            },
            Ok(Some(Line::TooLong)) if is_mixed_listing => None,
            Ok(Some(Line::TooLong)) => Some(Err(ndjson::BadLine::too_long())),
            Ok(None) => {
                if kind == Some(LineKind::Record) && place.line == 0 {
                    gather.no_records(&place);
                }
                break;
            }
            Err(err) => {
                place.line = lines.number;
                if !is_mixed_listing {
                    gather.cut(&place, format!("damaged or incomplete after this line: {err}"));
                }
                break;
            }
        };
        place.line = lines.number;
        match line {
            Some(Ok(entry)) => gather.entry(&place, entry),
            Some(Err(bad)) => gather.fault(&place, bad.subject, bad.reason),
            None => {}
        }
        if lines.number.is_multiple_of(LINES_PER_REPORT) {
            report(gather, LINES_PER_REPORT);
        }
    }
    gather.end_file();
    report(gather, lines.number % LINES_PER_REPORT);
}

/// Reads a line that states its kind; None if it belongs to the other half.
fn of_half(half: Half, line: &[u8]) -> Option<Result<crate::inventory::Entry, ndjson::BadLine>> {
    let is_of_half = |is_listing| is_listing == (half == Half::Listing);
    match ndjson::kind(line) {
        Ok(kind) if is_of_half(kind != LineKind::Record) => Some(ndjson::entry(kind, line)),
        Ok(_) => None,
        Err(bad) => {
            let is_listing = matches!(bad.subject, Subject::Account(_) | Subject::Zone(_));
            is_of_half(is_listing).then_some(Err(bad))
        }
    }
}

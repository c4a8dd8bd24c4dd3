//! Zone files, one zone each.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lines::open;
use super::owners::{Owner, Owners};
use super::walk::is_zone_file;
use crate::inventory::zonefile::{self, Included, origin_of_file_name};
use crate::inventory::{Entry, Gather, Holds, Place, RecordEntry, Subject, ZoneEntry};
use crate::model::ZoneState;

/// A zone file is read as a whole, and so is what it includes; one of a large registry has some
/// hundred MB.
const ZONE_BYTES_MAX: u64 = 1 << 30;

/// Hands the zones of zone files to `gather`, and the accounts that own them.
pub(super) fn read<G: Gather>(
    files: &[PathBuf],
    owners: Option<&Path>,
    default: &Owner,
    gather: &mut G,
    report: &mut dyn FnMut(&mut G, u64),
) {
    let read_owners = Owners::read(owners, default.clone(), gather);
    let listing = owners.map(Path::to_owned).or_else(|| files.first().cloned());
    let listing = Place { file: Arc::new(listing.unwrap_or_default()), line: 0 };
    for file in files {
        if !gather.wants_more() {
            return;
        }
        gather.begin_file(Holds::BOTH);
        let records = zone(file, &read_owners, gather);
        gather.end_file();
        report(gather, records);
    }
    read_owners.accounts(&listing, gather);
}

/// Returns how many records there were.
fn zone<G: Gather>(file: &Path, owners: &Owners, gather: &mut G) -> u64 {
    let place = Place { file: Arc::new(file.to_owned()), line: 0 };
    let mut bytes_left = ZONE_BYTES_MAX;
    let text = match read_whole(file, &mut bytes_left) {
        Ok(text) => text,
        Err(err) => {
            gather.fault(&place, Subject::Zone(None), format!("damaged or incomplete: {err}"));
            return 0;
        }
    };
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Any other file must say itself that it is a zone.
    let is_named = is_zone_file(file);
    let origin = origin_of_file_name(name.strip_suffix(".zst").unwrap_or(name));
    let origin = origin.filter(|_| is_named);
    let mut include = |path: &str| included(file, path, &mut bytes_left);
    let read = zonefile::read(Arc::clone(&place.file), &text, origin, &mut include);
    let Some(zone) = read.zone else {
        // Of what is no zone file each line is bad: the last problem is that it is none.
        let passed_over = if is_named { 0 } else { read.problems.len().saturating_sub(1) };
        for problem in read.problems.into_iter().skip(passed_over) {
            gather.fault(&problem.place, Subject::Zone(None), problem.reason);
        }
        return 0;
    };
    let Some((account_id, plan)) = owners.of(&zone) else {
        let reason = "the owner of the zone cannot be read: owners.csv has bad rows".to_owned();
        gather.fault(&place, Subject::Zone(Some(zone)), reason);
        return 0;
    };
    let entry = ZoneEntry {
        external_id: zone.clone(),
        account_id,
        name: zone.clone(),
        plan,
        state: ZoneState::default(),
        settings: None,
        dnssec: None,
        records_complete: true,
    };
    gather.entry(&place, Entry::Zone(entry));
    for outside in read.outside {
        gather.remark(&outside.place, outside.reason);
    }
    if read.problems.is_empty() && read.records.is_empty() {
        // A zone has at least a SOA: rather a file that nobody has written to the end.
        gather.fault(&place, Subject::RecordOf(zone), "there is no record in the file".to_owned());
        return 0;
    }
    for problem in read.problems {
        gather.fault(&problem.place, Subject::RecordOf(zone.clone()), problem.reason);
    }
    let records = read.records.len() as u64;
    for record in read.records {
        gather.entry(&place, Entry::Record(RecordEntry { zone_id: zone.clone(), record }));
    }
    records
}

/// Takes what it reads off `bytes_left`.
fn read_whole(file: &Path, bytes_left: &mut u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open(file)?.take(*bytes_left + 1).read_to_end(&mut text)?;
    let left = bytes_left.checked_sub(text.len() as u64);
    *bytes_left = left.ok_or_else(|| {
        io::Error::other("the zone, with all that it includes, is larger than 1 GiB")
    })?;
    Ok(text)
}

/// Reads what a zone file includes, from the folder of that file or below it only.
fn included(file: &Path, path: &str, bytes_left: &mut u64) -> Result<Included, String> {
    let said = |err: io::Error| err.to_string();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(said)?;
    let file = fs::canonicalize(folder.join(path)).map_err(said)?;
    if !file.starts_with(&folder) {
        return Err("lies outside of the folder of the zone file".to_owned());
    }
    let text = read_whole(&file, bytes_left).map_err(said)?;
    Ok(Included { file, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_zone_includes_is_bounded_together() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("part"), "@ TXT x\n").expect("a file");
        let (zone, mut bytes_left) = (folder.path().join("x.zone"), 20);
        for left in [12, 4] {
            included(&zone, "part", &mut bytes_left).expect("small enough");
            assert_eq!(bytes_left, left);
        }
        let reason = included(&zone, "part", &mut bytes_left).expect_err("too large");
        assert!(reason.contains("larger than 1 GiB"), "{reason}");
    }
}

//! Zone files, one zone each.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lines::open;
use super::owners::{Owner, Owners};
use crate::inventory::zonefile::{self, Included, origin_of_file_name};
use crate::inventory::{Entry, Gather, Holds, Place, RecordEntry, Subject, ZoneEntry};
use crate::model::ZoneState;

/// A zone file is read as a whole; one of a large registry has some hundred MB.
const FILE_BYTES_MAX: u64 = 1 << 30;

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
    read_owners.accounts(&listing, gather);
    for file in files {
        if !gather.wants_more() {
            return;
        }
        gather.begin_file(Holds::BOTH);
        let records = zone(file, &read_owners, gather);
        gather.end_file();
        report(gather, records);
    }
}

/// Returns how many records there were.
fn zone<G: Gather>(file: &Path, owners: &Owners, gather: &mut G) -> u64 {
    let place = Place { file: Arc::new(file.to_owned()), line: 0 };
    let text = match read_whole(file) {
        Ok(text) => text,
        Err(err) => {
            gather.fault(&place, Subject::Zone(None), format!("damaged or incomplete: {err}"));
            return 0;
        }
    };
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let origin = origin_of_file_name(name.strip_suffix(".zst").unwrap_or(name));
    let mut include = |path: &str| included(file, path);
    let read = zonefile::read(Arc::clone(&place.file), &text, origin, &mut include);
    let Some(zone) = read.zone else {
        for problem in read.problems {
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

fn read_whole(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("the file is larger than 1 GiB"));
    }
    Ok(text)
}

/// Reads what a zone file includes, from the folder of that file or below it only.
fn included(file: &Path, path: &str) -> Result<Included, String> {
    let said = |err: io::Error| err.to_string();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(said)?;
    let file = fs::canonicalize(folder.join(path)).map_err(said)?;
    if !file.starts_with(&folder) {
        return Err("lies outside of the folder of the zone file".to_owned());
    }
    let text = read_whole(&file).map_err(said)?;
    Ok(Included { file, text })
}

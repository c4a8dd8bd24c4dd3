//! The first reading of a source: what it lists, which record sets are whole, and what is wrong
//! with it. Holds the accounts, the zones and one zone's hashes, never the records.
//!
//! A record set is replaced as a whole or not at all. A set is kept as it is stored if one of its
//! lines is bad, if its lines are not together, or if a line that says nothing at all may belong
//! to it. After such a line, or a file that ends too early, the absence of a zone's records proves
//! nothing either.

use std::collections::HashMap;

use self::listing::{Listing, storable};
use super::gather::{Entry, Gather, Holds, Subject};
use super::{AccountEntry, ContentHash, Place, Problem, RecordEntry, ZoneEntry};
use crate::model::is_at_or_below;
use crate::schedule::Cadences;

mod listing;

/// What happens to the record set of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetSeen {
    /// The source holds the whole set.
    Whole { records: u32, hash: ContentHash },
    /// The stored set stays; a new zone has none and is partial.
    Kept,
}

/// A zone of the listing with what its source says of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSeen {
    pub entry: ZoneEntry,
    pub set: SetSeen,
}

/// What one source holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surveyed {
    pub accounts: Vec<AccountEntry>,
    /// Zones whose accounts are among `accounts`.
    pub zones: Vec<ZoneSeen>,
    /// Records of whole sets.
    pub records: u64,
    /// What is not listed is not in the source: nothing that may have been an account or a zone
    /// was lost.
    pub listing_complete: bool,
}

/// Gathers one source without its records.
#[derive(Debug)]
pub struct Survey {
    cadences: Cadences,
    records_partial: bool,
    accounts: Listing<AccountEntry>,
    zones: Listing<ZoneListed>,
    problems: Vec<Problem>,
    remarks: Vec<Problem>,
    /// Zones that were not listed, with their first line and the count of their lines.
    strangers: HashMap<String, (Place, u64)>,
    current: Option<Current>,
    holds: Holds,
    /// The zone of the next record may have lost a line.
    next_is_kept: bool,
    listing_complete: bool,
    has_records: bool,
    absence_proves_nothing: bool,
}

#[derive(Debug)]
struct ZoneListed {
    entry: ZoneEntry,
    /// The last line of its records so far.
    last: Option<Place>,
    set: SetSeen,
}

/// The zone whose record lines are being read.
#[derive(Debug)]
struct Current {
    id: String,
    /// None: not to be stored.
    zone: Option<usize>,
    hashes: Vec<ContentHash>,
    last: Place,
}

impl Survey {
    /// `records_partial` says of every zone that its source holds only a part of its records.
    pub fn new(cadences: Cadences, records_partial: bool) -> Survey {
        Survey {
            cadences,
            records_partial,
            accounts: Listing::default(),
            zones: Listing::default(),
            problems: Vec::new(),
            remarks: Vec::new(),
            strangers: HashMap::new(),
            current: None,
            holds: Holds::BOTH,
            next_is_kept: false,
            listing_complete: true,
            has_records: false,
            absence_proves_nothing: false,
        }
    }

    /// The problems since the last call.
    pub fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// What was passed over since the last call.
    pub fn take_remarks(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.remarks)
    }

    /// Ends the reading. The problems that show only now come with the result.
    pub fn finish(mut self) -> (Surveyed, Vec<Problem>) {
        self.close();
        for (id, (place, lines)) in std::mem::take(&mut self.strangers) {
            let lines = if lines == 1 { "1 record".into() } else { format!("{lines} records") };
            self.tell(&place, format!("{lines} of the zone {id:?}, which is not listed"));
        }
        let accounts = std::mem::take(&mut self.accounts);
        let mut surveyed = Surveyed::default();
        for (place, zone) in std::mem::take(&mut self.zones.entries) {
            let account = &zone.entry.account_id;
            match accounts.by_id.get(account) {
                Some((_, Some(_))) => {}
                Some((at, None)) => {
                    self.lost(&place, format!("the zone's account {account:?} is bad: see {at}"));
                    continue;
                }
                None => {
                    self.lost(&place, format!("the zone's account {account:?} is unknown"));
                    continue;
                }
            }
            let set = match zone.set {
                SetSeen::Whole { records: 0, .. }
                    if !self.has_records || self.absence_proves_nothing =>
                {
                    SetSeen::Kept
                }
                set => set,
            };
            if let SetSeen::Whole { records, .. } = set {
                surveyed.records += u64::from(records);
            }
            surveyed.zones.push(ZoneSeen { entry: zone.entry, set });
        }
        surveyed.accounts = accounts.entries.into_iter().map(|(_, entry)| entry).collect();
        surveyed.listing_complete = self.listing_complete;
        self.problems.sort();
        (surveyed, self.problems)
    }

    fn tell(&mut self, place: &Place, reason: String) {
        self.problems.push(Problem { place: place.clone(), reason });
    }

    /// A problem that leaves an account or a zone unlisted.
    fn lost(&mut self, place: &Place, reason: String) {
        self.listing_complete = false;
        self.tell(place, reason);
    }

    fn account(&mut self, place: &Place, account: AccountEntry) {
        let id = account.external_id.clone();
        let json = serde_json::to_string(&(&account.tags, &account.settings, &account.members));
        let texts = [&id, &account.name, &account.plan.clone().unwrap_or_default()];
        if let Err(reason) = storable(&id, &texts, &json.unwrap_or_default()) {
            self.accounts.reject(place, id);
            return self.lost(place, reason);
        }
        let plan = account.plan.clone();
        match self.accounts.add(place, id, account) {
            Ok(()) => self.plan(place, plan),
            Err(reason) => self.lost(place, reason),
        }
    }

    fn zone(&mut self, place: &Place, mut zone: ZoneEntry) {
        zone.records_complete &= !self.records_partial;
        let id = zone.external_id.clone();
        let json = serde_json::to_string(&(&zone.state, &zone.settings, &zone.dnssec));
        let texts = [&id, &zone.name, &zone.account_id, &zone.plan.clone().unwrap_or_default()];
        if let Err(reason) = storable(&id, &texts, &json.unwrap_or_default()) {
            self.zones.reject(place, id);
            return self.lost(place, reason);
        }
        let plan = zone.plan.clone();
        let set = SetSeen::Whole { records: 0, hash: ContentHash::default() };
        match self.zones.add(place, id, ZoneListed { entry: zone, last: None, set }) {
            Ok(()) => self.plan(place, plan),
            Err(reason) => self.lost(place, reason),
        }
    }

    fn plan(&mut self, place: &Place, plan: Option<String>) {
        if let Some(plan) = plan.filter(|plan| !self.cadences.knows(plan)) {
            self.tell(place, format!("the plan {plan:?} has no cadence: scheduled as free"));
        }
    }

    fn record(&mut self, place: &Place, RecordEntry { zone_id, record }: RecordEntry) {
        let Some(zone) = self.open(place, &zone_id) else { return };
        let name = &self.zones.entries[zone].1.entry.name;
        let reason = if name != "." && !is_at_or_below(&record.name, name) {
            format!("{:?} does not lie in the zone {name:?}", record.name)
        } else if record.content.contains('\0') || record.kind.name().contains('\0') {
            "a NUL character cannot be stored".to_owned()
        } else {
            if let Some(current) = &mut self.current {
                current.hashes.push(ContentHash::of_record(&record));
            }
            return;
        };
        self.tell(place, reason);
        self.keep(zone);
    }

    /// Makes the zone with this id the current one. None: it is not to be stored.
    fn open(&mut self, place: &Place, id: &str) -> Option<usize> {
        self.has_records = true;
        if self.current.as_ref().is_none_or(|current| current.id != id) {
            self.close();
            let zone = self.zones.by_id.get(id);
            if zone.is_none() {
                self.listing_complete = false;
                self.strangers.entry(id.to_owned()).or_insert_with(|| (place.clone(), 0));
            }
            let zone = zone.and_then(|(_, zone)| *zone);
            let current = Current { id: id.into(), zone, hashes: Vec::new(), last: place.clone() };
            self.current = Some(current);
            if let Some(zone) = zone {
                self.reopen(place, zone);
            }
        }
        let current = self.current.as_mut()?;
        current.last.clone_from(place);
        let zone = current.zone;
        if zone.is_none()
            && let Some((_, lines)) = self.strangers.get_mut(id)
        {
            *lines += 1;
        }
        if std::mem::take(&mut self.next_is_kept)
            && let Some(zone) = zone
        {
            self.keep(zone);
        }
        zone
    }

    /// A zone that has had record lines before: they are not together.
    fn reopen(&mut self, place: &Place, zone: usize) {
        let listed = &self.zones.entries[zone].1;
        if let Some(last) = listed.last.clone() {
            let id = &listed.entry.external_id;
            let reason =
                format!("record lines of the zone {id:?} are not together: others end at {last}");
            self.tell(place, reason);
            self.keep(zone);
        }
    }

    /// Ends the current zone.
    fn close(&mut self) {
        let Some(Current { zone: Some(zone), mut hashes, last, .. }) = self.current.take() else {
            return;
        };
        let listed = &mut self.zones.entries[zone].1;
        listed.last = Some(last);
        if let SetSeen::Whole { records, hash } = &mut listed.set {
            hashes.sort_unstable();
            hashes.dedup();
            *records = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
            *hash = hashes.into_iter().fold(ContentHash::default(), |sum, hash| sum + hash);
        }
    }

    fn keep(&mut self, zone: usize) {
        self.zones.entries[zone].1.set = SetSeen::Kept;
    }

    /// Something is not known that may have been anything in this file.
    fn lost_anything(&mut self) {
        self.listing_complete &= !self.holds.listing;
        if self.holds.records {
            self.has_records = true;
            self.absence_proves_nothing = true;
            if let Some(zone) = self.current.as_ref().and_then(|current| current.zone) {
                self.keep(zone);
            }
        }
    }
}

impl Gather for Survey {
    fn begin_file(&mut self, holds: Holds) {
        self.holds = holds;
        self.next_is_kept = false;
        self.has_records |= holds.records;
    }

    fn entry(&mut self, place: &Place, entry: Entry) {
        match entry {
            Entry::Account(account) => self.account(place, account),
            Entry::Zone(zone) => self.zone(place, zone),
            Entry::Record(record) => self.record(place, record),
        }
    }

    fn fault(&mut self, place: &Place, subject: Subject, reason: String) {
        match subject {
            Subject::Account(id) => {
                id.into_iter().for_each(|id| self.accounts.reject(place, id));
                self.lost(place, reason);
            }
            Subject::Zone(id) => {
                id.into_iter().for_each(|id| self.zones.reject(place, id));
                self.lost(place, reason);
            }
            Subject::RecordOf(id) => {
                self.tell(place, reason);
                if let Some(zone) = self.open(place, &id) {
                    self.keep(zone);
                }
            }
            Subject::Unknown => {
                self.tell(place, reason);
                self.lost_anything();
                self.next_is_kept = self.holds.records;
            }
        }
    }

    fn cut(&mut self, place: &Place, reason: String) {
        self.tell(place, reason);
        self.lost_anything();
    }

    fn end_file(&mut self) {
        self.close();
        self.next_is_kept = false;
    }

    fn no_records(&mut self, place: &Place) {
        // Rather a file that nobody has written than a fleet without any record.
        if !self.zones.by_id.is_empty() {
            self.cut(place, "the file is empty, but zones are listed".to_owned());
        }
    }

    fn problem(&mut self, place: &Place, reason: String) {
        self.tell(place, reason);
    }

    fn records_unknown(&mut self, zone_id: &str) {
        if let Some((_, Some(zone))) = self.zones.by_id.get(zone_id) {
            self.keep(*zone);
        }
    }

    fn remark(&mut self, place: &Place, reason: String) {
        self.remarks.push(Problem { place: place.clone(), reason });
    }
}

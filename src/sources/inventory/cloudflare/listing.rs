//! The accounts and zones of a folder of answers, put together from several of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{is_expected, name, parse, path_text, place};
use crate::inventory::cloudflare::{
    self, Answer, AnswerError, Fault, Kind, PageInfo, Pages, subject_of_path,
};
use crate::inventory::{AccountEntry, Entry, Gather, Place, Subject};
use crate::model::{Dnssec, Member, ZoneSettings};
use crate::sources::inventory::owners::Owner;

/// Files with pages of records, by the zone that they are about.
type RecordFiles = BTreeMap<Option<String>, Vec<PathBuf>>;

/// A list that comes in pages, and the file of one of them.
#[derive(Default)]
struct Paged {
    pages: Pages,
    place: Option<Place>,
}

impl Paged {
    /// An answer that states no page is no list.
    fn add(&mut self, page: Option<&PageInfo>, entries: usize, place: &Place) {
        if page.is_some() {
            self.pages.add(page, entries);
            self.place.get_or_insert_with(|| place.clone());
        }
    }

    /// Where and why the list is not complete.
    fn missing(&self) -> Option<(&Place, String)> {
        Some((self.place.as_ref()?, self.pages.missing()?))
    }
}

/// What was read. A facet that cannot be read is not known.
#[derive(Default)]
pub(super) struct Listing {
    zones: Vec<(Place, cloudflare::Zone)>,
    zone_pages: Paged,
    accounts: BTreeMap<String, (Place, AccountEntry)>,
    account_pages: Paged,
    members: HashMap<String, Vec<Member>>,
    member_pages: BTreeMap<String, Paged>,
    members_unknown: HashSet<String>,
    settings: HashMap<String, ZoneSettings>,
    dnssec: HashMap<String, Dnssec>,
    record_files: RecordFiles,
}

impl Listing {
    /// Reads an answer and keeps it, but for records.
    pub(super) fn take<G: Gather>(&mut self, file: &Path, gather: &mut G) {
        let path = path_text(file);
        let subject = subject_of_path(&path).map(str::to_owned);
        let read = parse(file).and_then(|answer| Ok((answer.kind(&path)?, answer)));
        match read {
            Ok((Kind::Records, answer)) => {
                let read = cloudflare::records(&answer, subject.as_deref());
                let of_entries = read.entries.into_iter().map(|entry| entry.zone_id);
                let of_faults = read.faults.into_iter().filter_map(|fault| fault.zone_id);
                let zone = subject.or_else(|| of_entries.chain(of_faults).next());
                self.record_files.entry(zone).or_default().push(file.to_owned());
            }
            Ok((kind, answer)) => self.answer(kind, &answer, subject, &place(file), gather),
            Err(AnswerError::NotAnAnswer(_) | AnswerError::Unrecognised) if !is_expected(&path) => {
                gather.remark(&place(file), "no inventory".to_owned());
            }
            Err(err) => self.unreadable(file, &path, subject, err.to_string(), gather),
        }
    }

    fn answer<G: Gather>(
        &mut self,
        kind: Kind,
        answer: &Answer,
        subject: Option<String>,
        place: &Place,
        gather: &mut G,
    ) {
        match (kind, subject) {
            (Kind::Records, _) => {}
            (Kind::Zones, _) => {
                let read = cloudflare::zones(answer);
                self.zone_pages.add(answer.page(), read.entries.len() + read.faults.len(), place);
                self.zones.extend(read.entries.into_iter().map(|zone| (place.clone(), zone)));
                refuse(&Subject::Zone(None), read.faults, place, gather);
            }
            (Kind::Accounts, _) => {
                let read = cloudflare::accounts(answer);
                self.account_pages.add(
                    answer.page(),
                    read.entries.len() + read.faults.len(),
                    place,
                );
                for entry in read.entries {
                    self.accounts.insert(entry.external_id.clone(), (place.clone(), entry));
                }
                refuse(&Subject::Account(None), read.faults, place, gather);
            }
            (Kind::Members, Some(account)) => {
                let read = cloudflare::members(answer);
                // Of those who declined nothing is kept, so the entries cannot be counted.
                let page = answer.page().map(|page| PageInfo { total_count: None, ..page.clone() });
                self.member_pages.entry(account.clone()).or_default().add(page.as_ref(), 0, place);
                for fault in read.faults {
                    self.members_unknown.insert(account.clone());
                    gather.problem(place, fault.to_string());
                }
                self.members.entry(account).or_default().extend(read.entries);
            }
            (Kind::Settings, Some(zone)) => match cloudflare::settings(answer) {
                Ok(settings) => drop(self.settings.insert(zone, settings)),
                Err(err) => gather.problem(place, err.to_string()),
            },
            (Kind::Dnssec, Some(zone)) => match cloudflare::dnssec(answer) {
                Ok(dnssec) => drop(self.dnssec.insert(zone, dnssec)),
                Err(err) => gather.problem(place, err.to_string()),
            },
            (Kind::Members | Kind::Settings | Kind::Dnssec, None) => {
                let reason = "no folder zones/ID or accounts/ID says whose it is";
                gather.problem(place, reason.to_owned());
            }
        }
    }

    fn unreadable<G: Gather>(
        &mut self,
        file: &Path,
        path: &str,
        subject: Option<String>,
        reason: String,
        gather: &mut G,
    ) {
        let place = place(file);
        let is = |start: &str| name(path).starts_with(start);
        if is("dns_records") {
            // Told of with the records of the zone.
            self.record_files.entry(subject).or_default().push(file.to_owned());
        } else if is("settings") || is("dnssec") || is("members") {
            self.members_unknown.extend(subject);
            gather.problem(&place, reason);
        } else if is("zones") {
            gather.fault(&place, Subject::Zone(None), reason);
        } else {
            gather.fault(&place, Subject::Account(None), reason);
        }
    }

    /// Hands over the accounts and zones, and returns where the records are.
    pub(super) fn hand_over<G: Gather>(mut self, owner: &Owner, gather: &mut G) -> RecordFiles {
        if let Some((place, reason)) = self.zone_pages.missing() {
            gather.fault(place, Subject::Zone(None), reason);
        }
        if let Some((place, reason)) = self.account_pages.missing() {
            gather.fault(place, Subject::Account(None), reason);
        }
        for (account, pages) in &self.member_pages {
            if let Some((place, reason)) = pages.missing() {
                self.members_unknown.insert(account.clone());
                gather.problem(place, reason);
            }
        }
        for (place, cloudflare::Zone { entry, account_name }) in &self.zones {
            let id = &entry.account_id;
            self.accounts.entry(id.clone()).or_insert_with(|| {
                let account = AccountEntry {
                    external_id: id.clone(),
                    name: account_name.clone().unwrap_or_else(|| id.clone()),
                    plan: None,
                    tags: Vec::new(),
                    settings: None,
                    members: None,
                };
                (place.clone(), account)
            });
        }
        for (id, (place, mut account)) in self.accounts {
            let members = self.members.remove(&id);
            account.members = members.filter(|_| !self.members_unknown.contains(&id));
            // The API states none.
            account.plan = account.plan.or_else(|| owner.plan.clone());
            gather.entry(&place, Entry::Account(account));
        }
        for (place, cloudflare::Zone { mut entry, .. }) in self.zones {
            let id = entry.external_id.clone();
            entry.settings = self.settings.remove(&id);
            entry.dnssec = self.dnssec.remove(&id);
            gather.entry(&place, Entry::Zone(entry));
            let id = Some(id);
            if let (false, Some(id)) = (self.record_files.contains_key(&id), &id) {
                gather.records_unknown(id);
            }
        }
        self.record_files
    }
}

fn refuse<G: Gather>(subject: &Subject, faults: Vec<Fault>, place: &Place, gather: &mut G) {
    for fault in faults {
        gather.fault(place, subject.clone(), fault.to_string());
    }
}

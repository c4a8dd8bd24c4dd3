//! `owners.csv`: whom the zones of zone files belong to, as `zone,account,plan`.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::lines::open;
use crate::inventory::{AccountEntry, Entry, Gather, Holds, Place, Subject, normalise};

/// The account of zones whose owner nobody states.
const ACCOUNT_UNSTATED: &str = "imported";

/// The owner of zones that `owners.csv` does not name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// None: the account `imported`.
    pub account: Option<String>,
    pub plan: Option<String>,
}

/// Who owns which zone.
#[derive(Debug, Default)]
pub(super) struct Owners {
    accounts: BTreeMap<String, Option<String>>,
    /// Account and plan, by normalised name of the zone.
    zones: HashMap<String, (String, Option<String>)>,
    default: Owner,
    is_default_used: Cell<bool>,
    is_damaged: bool,
}

impl Owners {
    /// Reads the file, if there is one, and hands what is wrong with it to `gather`.
    pub(super) fn read<G: Gather>(file: Option<&Path>, default: Owner, gather: &mut G) -> Owners {
        let mut owners = Owners { default, ..Owners::default() };
        let Some(file) = file else { return owners };
        gather.begin_file(Holds::LISTING);
        let mut place = Place { file: Arc::new(file.to_owned()), line: 0 };
        match open(file) {
            Ok(reader) => owners.rows(reader, &mut place, gather),
            Err(err) => owners.refuse(&place, format!("cannot be read: {err}"), gather),
        }
        gather.end_file();
        owners
    }

    fn rows<G: Gather>(&mut self, reader: impl std::io::Read, place: &mut Place, gather: &mut G) {
        let mut builder = csv::ReaderBuilder::new();
        let rows = builder.has_headers(false).flexible(true).trim(csv::Trim::All);
        for row in rows.from_reader(reader).records() {
            let row = match row {
                Ok(row) => row,
                Err(err) => {
                    place.line = err.position().map_or(place.line + 1, csv::Position::line);
                    let reason = format!("no row of zone, account, plan: {err}");
                    self.refuse(place, reason, gather);
                    if matches!(err.kind(), csv::ErrorKind::Io(_)) {
                        return;
                    }
                    continue;
                }
            };
            place.line = row.position().map_or(0, csv::Position::line);
            let cell = |n| row.get(n).filter(|text| !text.is_empty());
            let (Some(zone), Some(account)) = (cell(0), cell(1)) else {
                self.refuse(place, "a row is zone, account, plan".to_owned(), gather);
                continue;
            };
            if (zone, account) == ("zone", "account") {
                continue;
            }
            let plan = cell(2).map(str::to_owned);
            match normalise::name(zone) {
                Err(err) => self.refuse(place, err.to_string(), gather),
                Ok(zone) => {
                    let accounts = self.accounts.entry(account.to_owned());
                    accounts.or_insert_with(|| plan.clone());
                    if self.zones.insert(zone, (account.to_owned(), plan)).is_some() {
                        self.refuse(place, "the zone has an owner already".to_owned(), gather);
                    }
                }
            }
        }
    }

    fn refuse<G: Gather>(&mut self, place: &Place, reason: String, gather: &mut G) {
        self.is_damaged = true;
        gather.fault(place, Subject::Account(None), reason);
    }

    /// Hands all accounts to `gather`, that of the default only if a zone fell back to it. The plan
    /// of any other is that of its first zone.
    pub(super) fn accounts<G: Gather>(&self, place: &Place, gather: &mut G) {
        let default = self.is_default_used.get().then(|| self.default_account());
        let others = self.accounts.iter().map(|(id, plan)| (id.as_str(), plan));
        let others = others.filter(|(id, _)| Some(*id) != default);
        for (id, plan) in default.map(|id| (id, &self.default.plan)).into_iter().chain(others) {
            let account = AccountEntry {
                external_id: id.to_owned(),
                name: id.to_owned(),
                plan: plan.clone(),
                tags: Vec::new(),
                settings: None,
                members: None,
            };
            gather.entry(place, Entry::Account(account));
        }
    }

    fn default_account(&self) -> &str {
        self.default.account.as_deref().unwrap_or(ACCOUNT_UNSTATED)
    }

    /// The account of a zone, and its plan if that is not the account's. None: the row that may
    /// say so cannot be read.
    pub(super) fn of(&self, zone: &str) -> Option<(String, Option<String>)> {
        match self.zones.get(zone) {
            Some((account, plan)) => {
                let shared = self.accounts.get(account) == Some(plan);
                Some((account.clone(), plan.clone().filter(|_| !shared)))
            }
            None if self.is_damaged => None,
            None => {
                self.is_default_used.set(true);
                Some((self.default_account().to_owned(), None))
            }
        }
    }
}

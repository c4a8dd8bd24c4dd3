//! The entities of an inventory, as parsers give them and the import stores them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{AccountSettings, Dnssec, Member, Record, ZoneSettings, ZoneState};

/// An account as its source describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    /// Unique for its source.
    pub external_id: String,
    pub name: String,
    /// None: the source states no plan.
    pub plan: Option<String>,
    pub tags: Vec<String>,
    /// None: the facet is not known.
    pub settings: Option<AccountSettings>,
    pub members: Option<Vec<Member>>,
}

/// A zone as its source describes it, without its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneEntry {
    /// Unique for its source.
    pub external_id: String,
    /// The account's external id.
    pub account_id: String,
    /// Normalised.
    pub name: String,
    /// None: that of the account.
    pub plan: Option<String>,
    pub state: ZoneState,
    pub settings: Option<ZoneSettings>,
    pub dnssec: Option<Dnssec>,
    /// Whether the records of this source are all that the zone has.
    pub records_complete: bool,
}

/// A normalised record and the external id of its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    pub zone_id: String,
    pub record: Record,
}

/// Where something stands in an inventory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: Arc<PathBuf>,
    /// Counted from 1; 0 for the file as a whole.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

/// Bad input: it is reported, and what it belongs to is not stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Problem {
    pub place: Place,
    pub reason: String,
}

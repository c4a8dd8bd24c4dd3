//! What readers of inventories hand their entries to, whatever the format.

use super::{AccountEntry, Place, RecordEntry, ZoneEntry};

/// One thing that an inventory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Account(AccountEntry),
    Zone(ZoneEntry),
    Record(RecordEntry),
}

/// What bad input is about, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An account; its id where that can be read.
    Account(Option<String>),
    /// A zone itself; its id where that can be read.
    Zone(Option<String>),
    /// The record set of the zone with this id.
    RecordOf(String),
    /// Anything that its file may hold.
    Unknown,
}

/// What a file may hold, so what is lost with a line of it that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// Accounts or zones.
    pub listing: bool,
    pub records: bool,
}

impl Holds {
    pub const LISTING: Holds = Holds { listing: true, records: false };
    pub const RECORDS: Holds = Holds { listing: false, records: true };
    pub const BOTH: Holds = Holds { listing: true, records: true };
}

/// Takes the entries of one source, file after file. A zone comes before its records; the accounts
/// may come at any time.
pub trait Gather {
    /// A file begins: nothing of the one before has a neighbour in it.
    fn begin_file(&mut self, holds: Holds);

    fn entry(&mut self, place: &Place, entry: Entry);

    fn fault(&mut self, place: &Place, subject: Subject, reason: String);

    /// The file cannot be read on: what would have come is not known.
    fn cut(&mut self, place: &Place, reason: String);

    fn end_file(&mut self);

    /// A file of nothing but records has no line.
    fn no_records(&mut self, _place: &Place) {}

    /// Something that is not known now and harms no entry.
    fn problem(&mut self, _place: &Place, _reason: String) {}

    /// The source says nothing of the records of this zone, which was listed.
    fn records_unknown(&mut self, _zone_id: &str) {}

    /// Something that is passed over and no problem.
    fn remark(&mut self, _place: &Place, _reason: String) {}

    /// False: no entry that may come is of interest.
    fn wants_more(&self) -> bool {
        true
    }
}

//! What an inventory says, in one form whatever its format. Pure: readers of files and writers of
//! tables are elsewhere.

pub mod cloudflare;
mod content_hash;
mod entry;
mod gather;
pub mod ndjson;
pub mod normalise;
mod selection;
mod survey;
pub mod zonefile;

pub use content_hash::ContentHash;
pub use entry::{AccountEntry, Place, Problem, RecordEntry, ZoneEntry};
pub use gather::{Entry, Gather, Holds, Subject};
pub use selection::{RecordSet, Selection};
pub use survey::{SetSeen, Survey, Surveyed, ZoneSeen};

//! What an inventory says, in one form whatever its format. Pure: readers of files and writers of
//! tables are elsewhere.

pub mod cloudflare;
mod entry;
pub mod normalise;
pub mod zonefile;

pub use entry::{AccountEntry, Place, Problem, RecordEntry, ZoneEntry};

//! Fleets that are generated: written as files, or imported at once. Both give the same inventory.

mod import;
mod write;

pub use import::{ImportError, import, import_and_count};
pub use write::{WriteError, Writing, Written, write};

//! Where input comes from, one source a folder.

pub mod generated;
pub mod inventory;

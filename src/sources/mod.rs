//! Where input comes from, one source a folder.

pub mod inventory;

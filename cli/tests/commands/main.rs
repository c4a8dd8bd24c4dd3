//! The real binary, run as a user does, against a real database.

mod checks;
mod exits;
mod export;
mod graph;
mod import;
mod insights;
mod migrate;
mod process;
mod settings;
mod status;

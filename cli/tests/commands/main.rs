//! The real binary, run as a user does, against a real database.

mod checks;
mod dlq;
mod exits;
mod export;
mod generate;
mod graph;
mod import;
mod insights;
mod migrate;
mod policy;
mod process;
mod reviews;
mod settings;
mod status;

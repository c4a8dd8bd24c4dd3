//! What scanflow shows on real fleets, in a real database, from import to insight.

#[path = "../commands/process.rs"]
mod process;

mod repaired;
mod source_copy;
mod sources;
mod together;
mod world;

//! Imports into a real Postgres: the shared fleets, and small ones of which something is wrong.

mod bad_input;
mod changes;
mod fleets;
mod formats;
mod prune;
mod world;

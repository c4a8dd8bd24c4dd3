//! What scanflow shows on real fleets, in a real database, from import to insight.

#[path = "../commands/process.rs"]
mod process;

mod admin;
mod demo;
mod dice;
mod giant;
mod hangup;
mod killed;
mod leader;
mod postgres;
mod private;
mod repaired;
mod requests;
mod running;
mod schedule;
mod secret;
mod source_copy;
mod sources;
mod standby;
mod terminal;
mod workers;
mod world;

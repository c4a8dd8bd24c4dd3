//! Building blocks of scanflow. Nothing in this crate knows which graphs exist: those are in
//! `dataflows/`.
//!
//! Layers, each may use only those before it:
//! 1. [`model`]: what flows. [`clock`], [`panics`], [`stop`], [`backoff`]: the time, the fate of a
//!    panic, the wish to end, the pause before another try; each the only place of its kind.
//! 2. [`checks`], [`lanes`], [`schedule`], [`inventory`]: what is decided, and how input is read.
//!    Pure: no I/O, no clock, no timely. So is [`generate`], which makes fleets of what [`inventory`]
//!    describes, and knows no check; and [`simulate`], which runs [`schedule`] in virtual time.
//!    [`telemetry`]: what is measured.
//! 3. [`store`], [`sinks`]: where snapshots come from and outcomes go. The only places with I/O.
//! 4. [`sources`]: what reads input from outside and stores it.
//! 5. [`operators`]: timely; each a verb, one file.
//! 6. [`config`] gathers the settings, [`worker`] runs the workers and ends them together.

pub mod backoff;
pub mod checks;
pub mod clock;
pub mod config;
pub mod generate;
pub mod inventory;
pub mod lanes;
pub mod model;
pub mod operators;
pub mod panics;
pub mod schedule;
pub mod simulate;
pub mod sinks;
pub mod sources;
pub mod stop;
pub mod store;
pub mod telemetry;
pub mod worker;

//! What a dispatcher is told.

use super::{Cadences, Rate};
use crate::model::PerLane;

/// When the source gives up its capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At a drain only.
    Drained,
    /// When every asset was scanned once, due or not.
    Once,
    /// When every asset that is due at the start was scanned once.
    OnceDue,
}

/// What a dispatcher is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The index of this worker: tickets come back there.
    pub owner: u64,
    pub credits: PerLane<u32>,
    pub ending: Ending,
    pub rate: Rate,
    /// [`Rate::Auto`] is this times what the promises need.
    pub buffer: f64,
    /// Scans a second that are asked for, beside those that are scheduled.
    pub requests_per_second: f64,
    /// Sequences count from here, above those of every earlier scheduler.
    pub sequence_start: u64,
    pub limits: Limits,
    pub orders: Orders,
}

/// What people order while runs come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Nothing goes out but what is asked for.
    pub is_paused: bool,
    /// How often it was ordered to spread the fleet.
    pub spreads: i64,
}

/// What may be said otherwise while a dispatcher is at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    pub cadences: Cadences,
    pub buffer: f64,
    pub requests_per_second: f64,
    pub limits: Limits,
}

/// What nothing exceeds, whatever the rate is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub per_second_max: Option<f64>,
    /// Above so many bytes of the process nothing goes out as long as anything is under way.
    pub memory_max: Option<u64>,
}

/// What keeps back a scan that is due and allowed by the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBack {
    /// Its lane has no credits.
    Credits,
    /// The process has too much memory.
    Memory,
}

/// A scan that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub reason: HeldBack,
    /// Its asset was never scanned.
    pub is_new: bool,
}

impl HeldBack {
    pub const fn name(self) -> &'static str {
        match self {
            HeldBack::Credits => "credits",
            HeldBack::Memory => "memory",
        }
    }
}

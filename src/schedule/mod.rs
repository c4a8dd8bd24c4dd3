//! Decides which scan goes out next. Pure: the time is an argument, so that a test can run a week
//! in a millisecond.

mod agenda;
mod cadence;
mod dispatcher;
mod plans;
mod progress;
mod rate;

pub use agenda::{Agenda, AssetChange, Backlog, Listed};
pub use cadence::Cadences;
pub use dispatcher::{Dispatcher, Ending, HeldBack, Limits, Settings};
pub use plans::PlanProgress;
pub use progress::{Progress, Stats};
pub use rate::{Rate, TokenBucket};

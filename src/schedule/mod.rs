//! Decides which scan goes out next. Pure: the time is an argument, so that a test can run a week
//! in a millisecond.

mod agenda;
mod cadence;
mod dispatcher;
mod progress;
mod rate;

pub use agenda::{Agenda, AssetChange, Backlog, First, Front, Listed, Pacing, PlanProgress, Taken};
pub use cadence::Cadences;
pub use dispatcher::{Dispatcher, Ending, HeldBack, Limits, Reload, Settings};
pub use progress::{Progress, Stats};
pub use rate::{Rate, TokenBucket};

//! Decides which scan goes out next. Pure: the time is an argument, so that a test can run a week
//! in a millisecond.

mod agenda;
mod cadence;
mod dispatcher;
mod progress;
mod rate;
mod requests;
mod settings;

pub use agenda::{
    Agenda, AssetChange, Backlog, First, Front, Listed, Pacing, PlanProgress, Standing, Taken,
};
pub use cadence::Cadences;
pub use dispatcher::Dispatcher;
pub use progress::{Progress, Stats};
pub use rate::{Rate, TokenBucket};
pub use requests::{Answer, Request, Requested};
pub use settings::{Ending, HeldBack, Limits, Reload, Settings};

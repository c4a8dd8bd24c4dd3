//! Decides which scan goes out next. Pure: the time is an argument, so that a test can run a week
//! in a millisecond.

mod agenda;
mod cadence;
mod coverage;
mod dispatcher;
mod preview;
mod progress;
mod rate;
mod requests;
mod settings;
mod throttle;

pub use agenda::{
    Agenda, AssetChange, Backlog, Expectation, Filling, First, Front, LaneExpected, LaneSplit,
    Listed, Pacing, PlanProgress, Standing, Taken,
};
pub use cadence::Cadences;
pub use dispatcher::{Dispatcher, LOST_AFTER, Lost};
pub use preview::{Means, PlanPreview, Preview};
pub use progress::{Durable, Progress, Released, Stats};
pub use rate::{Rate, TokenBucket};
pub use requests::{Answer, Request, Requested};
pub use settings::{Ending, Held, HeldBack, Limits, Orders, Reload, Settings};
pub use throttle::Load;

//! The scheduler against a world that is only told: a week of a fleet in a minute, in virtual time.
//! Pure: no I/O, no clock, no timely; the same scenario gives the same report.
//!
//! ```text
//!  scenario --> fleet --> [world] --next--> scans under way --release after a latency--+
//!                            ^                                                         |
//!                            +---------------------------------------------------------+
//! ```
//! The world makes the calls that the operator `schedule` makes, on the same
//! [`Dispatcher`](crate::schedule::Dispatcher), once a second of virtual time.

mod fleet;
mod job;
mod minutes;
mod old;
mod report;
mod scenario;
mod timeline;
mod world;

pub use minutes::Phase;
pub use report::{PlanReport, Report, Throttled};
pub use scenario::{ASSETS_OF_COUNTS, Scenario, ScenarioError, Scheduler};
pub use world::{Size, SoFar, Stage, Stopped, simulate};

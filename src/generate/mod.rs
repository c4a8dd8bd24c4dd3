//! Configuration that nobody owns.

mod mistake;

pub use mistake::{Mistake, mistake};

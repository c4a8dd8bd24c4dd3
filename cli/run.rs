//! `scanflow run`.

use scanflow::config::Flag;

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Scan what is due, for ever or once.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {}

impl Run {
    /// The flags that stand for a key of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        Vec::new()
    }

    pub(crate) fn run(self, _context: &Context) -> Result<Exit, Failure> {
        Ok(Exit::Done)
    }
}

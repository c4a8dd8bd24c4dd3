//! `scanflow baseline`.

use scanflow::store::postgres::reviews::{Change, Choice, Classification};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::reviewing::{Done, Reviewing};

/// Draw a line: from here on only what is new is shown
///
/// Marks all that is open now and that nobody has reviewed. It stays open, is no longer listed and
/// does not count for --fail-on, also if it is resolved and opens again. What opens later is new.
#[derive(Debug, clap::Args)]
pub(crate) struct Baseline {
    /// Take the line away: what was marked so counts as not reviewed
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    reviewing: Reviewing,
}

impl Baseline {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let (change, word) = match self.undo {
            true => (Change::Undo { only: Some(Classification::Baseline) }, "not reviewed"),
            false => (Change::Baseline, "baseline"),
        };
        self.reviewing.run(context, &Choice::default(), change, &Done { word, until: None })
    }
}

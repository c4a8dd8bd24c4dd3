//! `scanflow insights classify`.

use clap::ArgGroup;
use scanflow::clock::Clock;
use scanflow::model::{Glob, Severity};
use scanflow::store::postgres::reviews::{Change, Choice, Classification};

use super::{severity, until};
use crate::checks;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::reviewing::{Done, Reviewing};

/// Say of open insights that they may be left alone, or take that back
///
/// What is classified is no longer listed and does not count for --fail-on, also if it is resolved
/// and opens again. All flags that choose have to fit; of one that is repeated, one value.
///
/// In a pattern * is anything, ? one sign, and \* the sign itself; it has to fit as a whole.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct Classify {
    /// Of this check; may be repeated
    #[arg(long, value_name = "ID", required = true)]
    check: Vec<String>,
    /// Of accounts with such an id or name, and their zones; may be repeated
    #[arg(long, value_name = "PATTERN")]
    account: Vec<Glob>,
    /// Of zones with such an id or name; may be repeated
    #[arg(long, value_name = "PATTERN")]
    zone: Vec<Glob>,
    /// With such a subject; may be repeated
    #[arg(long, value_name = "PATTERN")]
    subject: Vec<Glob>,
    /// Of exactly this severity; may be repeated
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    severity: Vec<Severity>,

    /// The risk is known and taken
    #[arg(long, group = "what")]
    accept: bool,
    /// Only until then: a day (2027-03-01, from 0:00 UTC), a time (2027-03-01T12:00:00Z) or a length
    /// (90d)
    #[arg(long, value_name = "WHEN", requires = "accept", conflicts_with_all = ["false_positive", "other", "undo"])]
    until: Option<String>,
    /// The check is wrong here
    #[arg(long, group = "what")]
    false_positive: bool,
    /// What the note says
    #[arg(long, group = "what")]
    other: bool,
    /// Take back what was said, also a baseline, and of what is resolved by now
    #[arg(long, group = "what")]
    undo: bool,

    #[command(flatten)]
    reviewing: Reviewing,
}

impl Classify {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        for id in &self.check {
            checks::find(id)?;
        }
        let until = self.until.as_deref().map(|text| until::parse(text, Clock::system().now()));
        let until = until.transpose()?;
        let (classification, word) = match (self.accept, self.false_positive, self.other) {
            (true, ..) => (Classification::Accepted, "accepted"),
            (_, true, _) => (Classification::FalsePositive, "false positive"),
            (_, _, true) => (Classification::Other, "other"),
            _ => (Classification::Other, "not reviewed"),
        };
        let change = match self.undo {
            true => Change::Undo { only: None },
            false => Change::Classify { classification, until },
        };
        if !self.undo && self.reviewing.note.is_none() {
            return Err(Failure::usage(
                "--note is missing: say why, for those who come after".into(),
            ));
        }
        let choice = Choice {
            checks: self.check,
            accounts: self.account,
            zones: self.zone,
            subjects: self.subject,
            severities: self.severity,
        };
        self.reviewing.run(context, &choice, change, &Done { word, until })
    }
}

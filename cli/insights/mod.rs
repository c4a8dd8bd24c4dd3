//! `scanflow insights`: the list, and what people say of what is in it.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use scanflow::model::Severity;

use crate::context::Context;
use crate::exit::{Exit, Failure};

mod classify;
mod csv;
mod json;
mod list;
mod table;
mod until;

/// Print what was found, the worst first; or say that some of it may be left alone
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Insights {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: list::List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Classify(classify::Classify),
}

impl Insights {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            Some(Command::Classify(classify)) => classify.run(context),
            None => self.list.run(context),
        }
    }
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(Severity::ALL.map(Severity::name)).map(|name| {
        let severity = Severity::ALL.into_iter().find(|severity| severity.name() == name);
        severity.expect("only names are possible")
    })
}

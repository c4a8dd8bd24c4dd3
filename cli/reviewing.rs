//! What the commands that review insights share: who says it, and what was done.

use std::io::Write;

use scanflow::model::UnixTime;
use scanflow::store::postgres::reviews::{self, Change, Choice, Count, Said};

use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

#[derive(Debug, clap::Args)]
pub(crate) struct Reviewing {
    /// Why, for those who come after
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Who says so. Default: the name of the user, with the host
    #[arg(long, value_name = "NAME", env = "SCANFLOW_AUTHOR")]
    author: Option<String>,
    /// Print how many it would be, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What the insights are afterwards.
pub(crate) struct Done {
    pub(crate) word: &'static str,
    pub(crate) until: Option<UnixTime>,
}

impl Reviewing {
    pub(crate) fn run(
        self,
        context: &Context,
        choice: &Choice,
        change: Change,
        done: &Done,
    ) -> Result<Exit, Failure> {
        let is_empty =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        if is_empty(&self.note) || is_empty(&self.author) {
            let flag = if is_empty(&self.note) { "--note" } else { "--author" };
            return Err(Failure::usage(format!("{flag} is empty")));
        }
        let author = self.author.map_or_else(user_at_host, Ok)?;
        let said = Said { author: &author, note: self.note.as_deref() };
        let counts = context.block_on(async {
            let database = context.existing_database().await?;
            Ok(reviews::change(&database, choice, change, said, self.dry_run).await?)
        })?;
        let mut out = Stdout::lock();
        if !counts.is_empty() {
            let mut table = cell::table(&["severity", "check", "insights"], context.has_color());
            for Count { severity, check, insights } in &counts {
                table.add_row([
                    cell::severity(*severity, context.has_color()),
                    cell::shown(check).into(),
                    insights.to_string().into(),
                ]);
            }
            writeln!(out, "{}\n", table.trim_fmt())?;
        }
        let sum: i64 = counts.iter().map(|count| count.insights).sum();
        writeln!(out, "{}", done.sentence(sum, self.dry_run))?;
        out.flush()?;
        Ok(Exit::Done)
    }
}

impl Done {
    fn sentence(&self, insights: i64, is_dry_run: bool) -> String {
        let until = self.until.map(|until| format!(" until {}", cell::time(until)));
        let (word, until) = (self.word, until.unwrap_or_default());
        match (insights, is_dry_run) {
            (0, _) => format!("no insight is to become {word}{until}: nothing was changed"),
            (1, false) => format!("1 insight is now {word}{until}"),
            (many, false) => format!("{many} insights are now {word}{until}"),
            (many, true) => {
                format!("dry run: {many} would become {word}{until}, nothing was changed")
            }
        }
    }
}

/// Whoever runs this.
pub(crate) fn user_at_host() -> Result<String, Failure> {
    let user = whoami::username().map_err(|_| {
        Failure::usage("this user has no name: say who you are with --author".to_owned())
    })?;
    Ok(match whoami::hostname() {
        Ok(host) => format!("{user}@{host}"),
        Err(_) => user,
    })
}

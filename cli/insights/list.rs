//! `scanflow insights` without more: the list.

use std::fmt::Write as _;
use std::io::Write;

use clap::ValueEnum;
use scanflow::model::Severity;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::insights::{self, Insight, InsightFilter, ReviewFilter, State};
use scanflow::store::postgres::reviews::Classification;

use super::{csv, json, severity, table};
use crate::checks;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::named;
use crate::stdout::Stdout;

/// Rows of a table, which is held in memory and read by people.
const TABLE_ROWS_MAX: u64 = 1_000;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// json is one object a line (schemas/insight.v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
    /// Of this account and its zones: id or name; may be repeated
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// Of this zone: id or name; may be repeated
    #[arg(long, value_name = "ZONE")]
    zone: Vec<String>,
    /// Of this check; may be repeated
    #[arg(long, value_name = "ID")]
    check: Vec<String>,
    /// At least so bad
    #[arg(long, value_name = "SEVERITY", value_parser = severity(), default_value = "info")]
    severity: Severity,
    #[arg(long, value_name = "STATE", default_value = "open")]
    state: StateArg,
    /// With this review; one whose time is over counts as none. Default: open insights without one,
    /// and all resolved ones
    #[arg(long, value_name = "REVIEW")]
    review: Option<ReviewArg>,
    /// Print at most so many. Default: 1000 for a table, else all
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Exit with 3 if an open insight that the filters choose is at least so bad and not reviewed
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Table,
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateArg {
    Open,
    Resolved,
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReviewArg {
    None,
    Accepted,
    FalsePositive,
    Baseline,
    Other,
    Any,
}

impl ReviewArg {
    fn filter(self) -> ReviewFilter {
        match self {
            ReviewArg::None => ReviewFilter::None,
            ReviewArg::Accepted => ReviewFilter::Only(Classification::Accepted),
            ReviewArg::FalsePositive => ReviewFilter::Only(Classification::FalsePositive),
            ReviewArg::Baseline => ReviewFilter::Only(Classification::Baseline),
            ReviewArg::Other => ReviewFilter::Only(Classification::Other),
            ReviewArg::Any => ReviewFilter::Any,
        }
    }
}

/// Writes insights in one form.
pub(super) trait Form {
    fn add(&mut self, out: &mut Stdout, insight: &Insight) -> Result<(), Failure>;

    fn end(self: Box<Self>, out: &mut Stdout) -> Result<(), Failure>;
}

/// What was seen, whether printed or not.
#[derive(Default)]
struct Counts {
    all: u64,
    resolved: u64,
    printed: u64,
    /// Open ones that are not reviewed, by severity.
    open: [u64; Severity::ALL.len()],
    /// Open ones that are.
    reviewed: u64,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        for id in &self.check {
            checks::find(id)?;
        }
        context.block_on(async {
            let database = context.existing_database().await?;
            let filter = self.filter(context, &database).await?;
            let counts = self.print(context, &database, &filter).await?;
            context.note(&counts.summary());
            if self.review.is_none() {
                let hidden = insights::reviewed(&database, &filter).await?;
                if hidden != 0 {
                    context.note(&format!("{hidden} reviewed ones are left out: --review any"));
                }
            }
            let is_bad = |severity: &Severity| counts.open[*severity as usize] != 0;
            let bad = Severity::ALL.iter().rev().find(|severity| is_bad(severity));
            match (self.fail_on, bad) {
                (Some(fail_on), Some(worst)) if fail_on <= *worst => Ok(Exit::Findings),
                _ => Ok(Exit::Done),
            }
        })
    }

    async fn filter(
        &self,
        context: &Context,
        database: &Database,
    ) -> Result<InsightFilter, Failure> {
        Ok(InsightFilter {
            accounts: named::accounts(context, database, &self.account).await?,
            zones: named::zones(context, database, &self.zone).await?,
            checks: self.check.clone(),
            severity_min: self.severity,
            state: match self.state {
                StateArg::Open => Some(State::Open),
                StateArg::Resolved => Some(State::Resolved),
                StateArg::All => None,
            },
            review: self.review.map(ReviewArg::filter),
        })
    }

    async fn print(
        &self,
        context: &Context,
        database: &Database,
        filter: &InsightFilter,
    ) -> Result<Counts, Failure> {
        let mut out = Stdout::lock();
        let limit = self.limit.unwrap_or(match self.output {
            Output::Table => TABLE_ROWS_MAX,
            Output::Json | Output::Csv => u64::MAX,
        });
        let mut form: Box<dyn Form> = match self.output {
            Output::Table => Box::new(table::Rows::new(context.has_color(), filter)),
            Output::Json => Box::new(json::Lines),
            Output::Csv => Box::new(csv::Lines::new(&mut out)?),
        };
        let mut counts = Counts::default();
        let mut insights = insights::insights(database, filter).await?;
        while let Some(insight) = insights.next().await? {
            counts.add(&insight);
            if counts.printed < limit {
                form.add(&mut out, &insight)?;
                counts.printed += 1;
            }
            // With nobody to read, only the exit code is left to find out.
            if out.is_closed() && self.fail_on.is_none() {
                break;
            }
        }
        form.end(&mut out)?;
        out.flush()?;
        Ok(counts)
    }
}

impl Counts {
    fn add(&mut self, insight: &Insight) {
        self.all += 1;
        match insight.state() {
            State::Open if insight.is_reviewed() => self.reviewed += 1,
            State::Open => self.open[insight.severity as usize] += 1,
            State::Resolved => self.resolved += 1,
        }
    }

    fn summary(&self) -> String {
        let open: u64 = self.open.iter().sum();
        let mut summary = format!("{open} open");
        let kinds = Severity::ALL.iter().rev().zip(self.open.iter().rev());
        let kinds = kinds.filter(|(_, count)| **count != 0);
        let kinds: Vec<String> = kinds.map(|(name, count)| format!("{count} {name}")).collect();
        if !kinds.is_empty() {
            let _ = write!(summary, " ({})", kinds.join(", ")); // a String takes everything
        }
        if self.reviewed != 0 {
            let _ = write!(summary, ", {} reviewed", self.reviewed);
        }
        if self.resolved != 0 {
            let _ = write!(summary, ", {} resolved", self.resolved);
        }
        if self.printed < self.all {
            let left = self.all - self.printed;
            let _ = write!(summary, "; {left} not shown: --limit, or --output json for all");
        }
        summary
    }
}

//! `scanflow dlq show`.

use std::io::Write;

use scanflow::model::Outcome;
use scanflow::store::postgres::dead_letters::{self, Letter, payload};
use serde_json::Value;

use super::{Output, asset, object};
use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Print an outcome that could not be stored, with the cause
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// As `scanflow dlq list` prints it
    #[arg(value_name = "ID")]
    id: i64,
    /// json is one object, with the outcome as it is stored
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let found = context.block_on(async {
            let database = context.existing_database().await?;
            Ok(dead_letters::find(&database, self.id).await?)
        })?;
        let Some((letter, payload)) = found else {
            return Err(Failure::usage(format!("there is no dead letter {}", self.id)));
        };
        let mut out = Stdout::lock();
        match self.output {
            Output::Json => {
                let mut object = object(&letter);
                let outcome: Value = serde_json::from_slice(&payload::text(&payload)?)?;
                object["outcome"] = outcome;
                writeln!(out, "{object}")?;
            }
            Output::Table => {
                head(&mut out, &letter)?;
                match payload::read(&payload) {
                    Ok(outcome) => body(&mut out, &outcome, context.has_color())?,
                    // What it says is worth something all the same.
                    Err(err) => {
                        writeln!(out, "outcome      {err}; `--output json` prints what is there")?;
                    }
                }
            }
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn head(out: &mut Stdout, letter: &Letter) -> Result<(), Failure> {
    let Letter { id, at, fence, sqlstate, message, is_obsolete, .. } = letter;
    writeln!(out, "dead letter  {id}, put aside {}", cell::time(*at))?;
    writeln!(out, "asset        {}", asset(letter))?;
    writeln!(out, "cause        {}: {}", cell::shown(sqlstate), cell::shown(message))?;
    let (version, sequence) = (fence.config_version.0, fence.sequence.0);
    writeln!(out, "fence        config version {version}, sequence {sequence}")?;
    match is_obsolete {
        true => writeln!(out, "obsolete     a newer scan of the asset has landed, or it is gone")?,
        false => writeln!(out, "to apply it  scanflow dlq replay {id}")?,
    }
    Ok(())
}

fn body(out: &mut Stdout, outcome: &Outcome, has_color: bool) -> Result<(), Failure> {
    let scan = &outcome.scan;
    writeln!(
        out,
        "scan         emitted {}, {} records, checked in {} ms",
        cell::time(scan.scheduled_at),
        scan.records,
        scan.duration.as_millis(),
    )?;
    let completed = outcome.scope.checks().map(|(check, _)| cell::shown(check.as_str()));
    writeln!(out, "completed    {}", completed.collect::<Vec<_>>().join(", "))?;
    let unknown = outcome
        .unknown
        .iter()
        .map(|(check, why)| format!("{} ({why})", cell::shown(check.as_str())));
    let unknown: Vec<String> = unknown.collect();
    if !unknown.is_empty() {
        writeln!(out, "unknown      {}", unknown.join(", "))?;
    }
    writeln!(out, "findings     {}", outcome.findings.len())?;
    if outcome.findings.is_empty() {
        return Ok(());
    }
    let mut table = cell::table(&["severity", "check", "subject", "evidence"], has_color);
    for ((check, subject), finding) in &outcome.findings {
        table.add_row([
            cell::severity(finding.severity, has_color),
            cell::shown(check.as_str()).into(),
            cell::shown(subject).into(),
            cell::shown(&finding.evidence).into(),
        ]);
    }
    Ok(writeln!(out, "\n{}", table.trim_fmt())?)
}

//! `scanflow checks`.

use std::io::Write;

use scanflow::checks::{self, About, Check};
use serde_json::json;

use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// List the checks, or explain one
#[derive(Debug, clap::Args)]
pub(crate) struct Checks {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All checks
    List {
        /// json is one object a line
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
    /// One check: what it finds, what it needs to know, and what to do about a finding
    Show {
        /// Such as spf.missing
        id: String,
        /// json is one object
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Table,
    Json,
}

impl Checks {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut out = Stdout::lock();
        match self.command {
            Command::List { output: Output::Json } => {
                checks::ALL.iter().try_for_each(|check| writeln!(out, "{}", json(*check)))?;
            }
            Command::List { output: Output::Table } => {
                let header = ["check", "severity", "asset", "title"];
                let mut table = cell::table(&header, context.has_color());
                for check in checks::ALL {
                    let About { id, severity, asset, title, .. } = check.about();
                    table.add_row([
                        id.as_str().into(),
                        cell::severity(*severity, context.has_color()),
                        asset.to_string().into(),
                        (*title).into(),
                    ]);
                }
                writeln!(out, "{}", table.trim_fmt())?;
            }
            Command::Show { id, output } => {
                let check = find(&id)?;
                match output {
                    Output::Json => writeln!(out, "{}", json(check))?,
                    Output::Table => show(&mut out, check)?,
                }
            }
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

/// The check with this id; the error names those that look like it.
pub(crate) fn find(id: &str) -> Result<&'static dyn Check, Failure> {
    checks::find(id).map_err(|unknown| Failure::usage(unknown.to_string()))
}

fn json(check: &dyn Check) -> serde_json::Value {
    let About { id, version, title, severity, asset, needs, fires_on_absence, .. } = check.about();
    let About { remediation, reference, .. } = check.about();
    let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
    json!({
        "v": 1,
        "id": id.as_str(),
        "version": version,
        "title": title,
        "severity": severity,
        "asset": asset,
        "needs": needs,
        "fires_on_absence": fires_on_absence,
        "remediation": remediation,
        "reference": reference,
    })
}

fn show(out: &mut Stdout, check: &dyn Check) -> std::io::Result<()> {
    let About { id, version, title, severity, asset, needs, fires_on_absence, .. } = check.about();
    let About { remediation, reference, .. } = check.about();
    let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
    let partial = if *fires_on_absence {
        "unknown: it finds what is not there"
    } else {
        "reports what it finds, resolves nothing"
    };
    writeln!(out, "{id}: {title}\n")?;
    writeln!(out, "  severity         {severity}")?;
    writeln!(out, "  asset            {asset}")?;
    writeln!(out, "  needs            {}", needs.join(", "))?;
    writeln!(out, "  partial records  {partial}")?;
    writeln!(out, "  remediation      {remediation}")?;
    writeln!(out, "  reference        {reference}")?;
    writeln!(out, "  version          {version}")
}

/// None of a check that this version no longer has.
pub(crate) fn remediation(id: &str) -> Option<&'static str> {
    let check = checks::ALL.iter().find(|check| check.about().id.as_str() == id);
    check.map(|check| check.about().remediation)
}

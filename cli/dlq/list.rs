//! `scanflow dlq list`.

use std::io::Write;

use comfy_table::Cell;
use scanflow::clock::Clock;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::dead_letters::{self, LetterFilter};
use scanflow::store::postgres::insights::{find_accounts, find_zones};

use super::{Output, object, when};
use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Print the outcomes that could not be stored, the newest first
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// json is one object a line
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
    /// Of this account or zone itself: id or name; may be repeated
    #[arg(long, value_name = "ASSET")]
    asset: Vec<String>,
    /// For a cause that starts so, such as 22 or 22021; may be repeated
    #[arg(long, value_name = "SQLSTATE")]
    sqlstate: Vec<String>,
    /// Put aside since then: a day (2026-11-01, from 0:00 UTC), a time (2026-11-01T12:00:00Z) or a
    /// length (7d)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Print at most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let now = Clock::system().now();
        let since = self.since.as_deref().map(|text| when::parse("--since", text, now));
        let since = since.transpose()?;
        context.block_on(async {
            let database = context.existing_database().await?;
            let assets = assets(&database, &self.asset).await?;
            let causes = self.sqlstate.iter().map(|cause| cause.to_uppercase()).collect();
            let filter = LetterFilter { assets, causes, since, ..LetterFilter::default() };
            let letters = dead_letters::list(&database, &filter, self.limit.into()).await?;
            let count = dead_letters::count(&database, &filter).await?;

            let mut out = Stdout::lock();
            match self.output {
                Output::Json => {
                    for letter in &letters {
                        writeln!(out, "{}", object(letter))?;
                    }
                }
                Output::Table if letters.is_empty() => {}
                Output::Table => {
                    let header = ["id", "put aside", "asset", "account", "cause", "message", ""];
                    let mut table = cell::table(&header, context.has_color());
                    for letter in &letters {
                        let named = letter.named.as_ref();
                        let asset = named.map(|named| cell::shown(&named.name));
                        table.add_row([
                            Cell::new(letter.id),
                            Cell::new(cell::time(letter.at)),
                            Cell::new(asset.unwrap_or_else(|| letter.asset.0.to_string())),
                            Cell::new(cell::shown(named.map_or("", |named| &named.account))),
                            Cell::new(cell::shown(&letter.sqlstate)),
                            Cell::new(cell::shown(&letter.message)),
                            Cell::new(if letter.is_obsolete { "obsolete" } else { "" }),
                        ]);
                    }
                    writeln!(out, "{}", table.trim_fmt())?;
                }
            }
            out.flush()?;
            let left = count - i64::try_from(letters.len()).unwrap_or(count);
            context.note(&match left {
                1.. => format!("{count} dead letters; {left} not shown: --limit"),
                _ if count == 1 => "1 dead letter".to_owned(),
                _ => format!("{count} dead letters"),
            });
            Ok(Exit::Done)
        })
    }
}

/// The internal ids of all that have one of the names; None: nobody was named.
async fn assets(database: &Database, names: &[String]) -> Result<Option<Vec<i64>>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut ids = Vec::new();
    for name in names {
        let (zones, accounts) =
            (find_zones(database, name).await?, find_accounts(database, name).await?);
        if zones.is_empty() && accounts.is_empty() {
            let name = cell::shown(name);
            return Err(Failure::usage(format!("no account or zone has the id or name `{name}`")));
        }
        ids.extend(zones.into_iter().chain(accounts).map(|named| named.id));
    }
    Ok(Some(ids))
}

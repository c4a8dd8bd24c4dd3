//! `scanflow dlq`: outcomes that could not be stored.

use scanflow::store::postgres::Database;
use scanflow::store::postgres::dead_letters::{self, Letter, LetterFilter};
use serde_json::{Value, json};

use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};

mod drop;
mod list;
mod replay;
mod show;
mod when;

/// Look at the outcomes that could not be stored, apply them again, or drop them
#[derive(Debug, clap::Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Replay(replay::Replay),
    Drop(drop::Drop),
}

impl Dlq {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            Command::List(list) => list.run(context),
            Command::Show(show) => show.run(context),
            Command::Replay(replay) => replay.run(context),
            Command::Drop(drop) => drop.run(context),
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Fails if one of them is not there.
async fn refuse_unknown(database: &Database, ids: &[i64]) -> Result<(), Failure> {
    let filter = LetterFilter { ids: Some(ids.to_vec()), ..LetterFilter::default() };
    let known = dead_letters::ids(database, &filter).await?;
    match ids.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(Failure::usage(format!("there is no dead letter {id}"))),
        None => Ok(()),
    }
}

/// What was scanned, for people.
fn asset(letter: &Letter) -> String {
    match &letter.named {
        None => format!("{} (not known any more)", letter.asset.0),
        Some(named) => {
            let [id, name, account, source] =
                [&named.id, &named.name, &named.account, &named.source]
                    .map(|text| cell::shown(text));
            format!("{} {id} ({name}, account {account}, source {source})", named.kind)
        }
    }
}

/// For programs.
fn object(letter: &Letter) -> Value {
    let asset = letter.named.as_ref().map(|named| {
        json!({
            "kind": named.kind,
            "id": named.id,
            "name": named.name,
            "account": named.account,
            "source": named.source,
        })
    });
    json!({
        "v": 1,
        "id": letter.id,
        "at": cell::rfc3339(letter.at),
        "asset": asset,
        "config_version": letter.fence.config_version.0,
        "sequence": letter.fence.sequence.0,
        "sqlstate": letter.sqlstate,
        "message": letter.message,
        "bytes": letter.bytes,
        "obsolete": letter.is_obsolete,
    })
}

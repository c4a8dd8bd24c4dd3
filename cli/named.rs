//! The accounts and zones that flags name.

use std::fmt::Write as _;

use scanflow::store::postgres::insights::{Named, find_accounts, find_zones};
use scanflow::store::postgres::{Database, DatabaseError};

use crate::cell;
use crate::context::Context;
use crate::exit::Failure;

/// Internal ids; None: no flag was given.
pub(crate) async fn accounts(
    context: &Context,
    database: &Database,
    texts: &[String],
) -> Result<Option<Vec<i64>>, Failure> {
    all(texts, async |text| chosen(context, "account", text, find_accounts(database, text).await))
        .await
}

/// As [`accounts`].
pub(crate) async fn zones(
    context: &Context,
    database: &Database,
    texts: &[String],
) -> Result<Option<Vec<i64>>, Failure> {
    all(texts, async |text| chosen(context, "zone", text, find_zones(database, text).await)).await
}

async fn all(
    texts: &[String],
    find: impl AsyncFn(&str) -> Result<Vec<i64>, Failure>,
) -> Result<Option<Vec<i64>>, Failure> {
    let mut ids = None;
    for text in texts {
        ids.get_or_insert_with(Vec::new).extend(find(text).await?);
    }
    Ok(ids)
}

/// The internal ids of what a flag names. More than one is not wrong, but has to be said.
fn chosen(
    context: &Context,
    kind: &str,
    text: &str,
    found: Result<Vec<Named>, DatabaseError>,
) -> Result<Vec<i64>, Failure> {
    let found = found?;
    if found.is_empty() {
        return Err(Failure::usage(format!(
            "no {kind} has the id or name `{}`",
            cell::shown(text)
        )));
    }
    if 1 < found.len() {
        let text = cell::shown(text);
        let mut note = format!("`{text}` is ambiguous: {} {kind}s, all are meant", found.len());
        for Named { source, external_id, name, account, .. } in &found {
            let [source, id, name, account] =
                [source, external_id, name, account].map(|text| cell::shown(text));
            let _ = write!(note, "\n  {id} ({name}, account {account}, source {source})");
        }
        context.note(&note);
    }
    Ok(found.into_iter().map(|named| named.id).collect())
}

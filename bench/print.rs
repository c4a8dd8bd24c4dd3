//! What people and programs read.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

/// One measurement on standard output: an object on a line, or a text.
pub(crate) fn print(is_json: bool, figures: &(impl Serialize + Display)) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if is_json {
        writeln!(out, "{}", serde_json::to_string(figures)?)?;
    } else {
        writeln!(out, "{figures}")?;
    }
    Ok(())
}

/// To people, beside the figures.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody reads, nobody misses it
}

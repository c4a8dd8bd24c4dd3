//! `scanflow validate`.

use std::io::Write;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Check settings, database and schema, and change nothing
#[derive(Debug, clap::Args)]
pub(crate) struct Validate {
    /// Print the settings in force as TOML, secrets masked
    #[arg(long)]
    show_config: bool,
}

impl Validate {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut out = Stdout::lock();
        if self.show_config {
            writeln!(out, "{}", toml::to_string(&context.config)?)?;
        }
        let file = context.file.as_ref().map(|file| format!(", with {}", file.display()));
        writeln!(out, "configuration: ok{}", file.unwrap_or_default())?;
        let inspected = context.block_on(context.inspect())?;
        writeln!(out, "database: {inspected}")?;
        out.flush()?;
        Ok(Exit::Done)
    }
}

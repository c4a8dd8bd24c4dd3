//! `scanflow version`.

use std::io::Write;

use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Print the version
#[derive(Debug, clap::Args)]
pub(crate) struct Version {
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

impl Version {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let version = env!("CARGO_PKG_VERSION");
        let mut out = Stdout::lock();
        if self.json {
            let checks = scanflow::checks::ALL.len();
            writeln!(out, "{}", json!({ "version": version, "checks": checks }))?;
        } else {
            writeln!(out, "scanflow {version}")?;
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

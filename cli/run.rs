//! `scanflow run`.

/// Scan what is due, for ever or once.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}

//! The fleet of an experiment: a generated one, or one that is on disk.

use std::path::PathBuf;

use scanflow::generate::Shape;
use scanflow::sources::generated;
use scanflow::sources::inventory::{self, Event, Options, Report};
use scanflow::store::postgres::Database;

use crate::print::tell;

#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Zones of a generated fleet
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    zones: u64,

    /// One of them has so many records
    #[arg(long, value_name = "RECORDS")]
    giant: Option<u32>,

    /// Another seed, another fleet
    #[arg(long, value_name = "S", default_value_t = Shape::default().seed)]
    seed: u64,

    /// In place of a generated fleet, a folder of one source or of such folders
    #[arg(long, value_name = "DIR", conflicts_with_all = ["zones", "giant", "seed"])]
    fleet: Option<PathBuf>,
}

impl Source {
    /// As `scanflow generate --import` does it, or `scanflow import`.
    pub(crate) async fn import(&self, database: &Database) -> anyhow::Result<Report> {
        let mut on_event = |event| {
            if let Event::Problem(problem) = event {
                tell(&problem.to_string());
            }
        };
        let Source { zones, giant: giant_records, seed, .. } = *self;
        Ok(match &self.fleet {
            Some(folder) => {
                let options = Options { paths: vec![folder.clone()], ..Options::default() };
                inventory::import(database, &options, &mut on_event).await?
            }
            None => {
                let shape = Shape { zones, giant_records, seed, ..Shape::default() };
                generated::import(database, &shape, &mut on_event).await?
            }
        })
    }
}

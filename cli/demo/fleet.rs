//! Which fleet a demo shows: a given one or a generated one.

use std::fmt;
use std::path::PathBuf;

use scanflow::generate::Shape;
use scanflow::schedule::Cadences;
use scanflow::sources::generated;
use scanflow::sources::inventory::{self, Event, Options, Report};
use scanflow::store::postgres::Database;

use crate::exit::Failure;
use crate::{generate, import};

#[derive(Debug, clap::Args)]
pub(super) struct Fleet {
    /// Show the fleet that lies there, read as `scanflow import` reads it
    #[arg(long = "fleet", value_name = "DIR", group = "shown")]
    folder: Option<PathBuf>,

    /// Show a generated fleet of so many zones, the one of `scanflow generate --zones N --seed S`
    #[arg(long, value_name = "N", group = "shown", default_value_t = Shape::default().zones)]
    zones: u64,

    /// By this number the fleet is generated, and zones are chosen to be broken
    #[arg(long, value_name = "S", default_value_t = Shape::default().seed)]
    pub(super) seed: u64,
}

impl Fleet {
    /// Into an empty database.
    pub(super) async fn import(
        &self,
        database: &Database,
        cadences: Cadences,
        on_event: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Report, Failure> {
        match &self.folder {
            Some(folder) => {
                let paths = vec![folder.clone()];
                let options = Options { paths, cadences, ..Options::default() };
                let imported = inventory::import(database, &options, on_event).await;
                imported.map_err(import::failure)
            }
            None => {
                let shape = Shape { zones: self.zones, seed: self.seed, ..Shape::default() };
                let imported = generated::import(database, &shape, on_event).await;
                imported.map_err(generate::import_failure)
            }
        }
    }
}

/// As it is called on the screen.
impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "{}", folder.display()),
            None => write!(f, "a generated fleet of {} zones, seed {}", self.zones, self.seed),
        }
    }
}

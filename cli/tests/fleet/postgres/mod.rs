//! A Postgres that is not ours alone: behind a pooler, with time limits, moving, shared.

use std::path::PathBuf;

use scanflow::store::postgres::Database;
use scanflow_testing::{TestDatabase, ThrowAwayServer, workspace};

use crate::process::Place;

mod failover;
mod limits;
mod pooler;
mod time_limit;

/// One source of 19,000 assets that comes with the code.
fn sample() -> PathBuf {
    workspace().join("samples/fleet/is-a-dev-fleet")
}

/// The canonical export of the sample, imported and scanned once by whoever is undisturbed.
async fn undisturbed(server: &ThrowAwayServer) -> String {
    let place = Place::of(scanflow_testing::database_on(server).await);
    place.import_sample();
    done(&place, &["run", "--once"]);
    done(&place, &["export"])
}

/// Its standard output.
fn done(place: &Place, arguments: &[&str]) -> String {
    let ran = place.run(arguments);
    assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    ran.stdout
}

impl Place {
    /// A new database of the server; commands reach it by what `url` makes of its name.
    async fn reached(
        server: &ThrowAwayServer,
        url: impl FnOnce(&str) -> String,
    ) -> (Place, Database) {
        let TestDatabase { url: direct, database } = scanflow_testing::database_on(server).await;
        let (_, name) = direct.split_once("dbname=").expect("a name");
        (Place::of(TestDatabase { url: url(name), database: database.clone() }), database)
    }

    fn import_sample(&self) {
        done(self, &["import", sample().to_str().expect("UTF-8")]);
    }
}

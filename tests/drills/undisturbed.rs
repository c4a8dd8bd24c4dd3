//! The same changes without any disturbance: what every drill is compared with.

use std::collections::HashMap;

use tokio::sync::Mutex;

use crate::changes::Changes;
use crate::drill::server;
use crate::process::Place;

static UNDISTURBED: Mutex<Option<Undisturbed>> = Mutex::const_new(None);

struct Undisturbed {
    place: Place,
    changes: Changes,
    /// By the number of rounds.
    exports: HashMap<usize, String>,
    rounds: usize,
}

/// The export after so many rounds, each of them scanned once.
pub(crate) async fn export(rounds: usize) -> String {
    let mut undisturbed = UNDISTURBED.lock().await;
    if undisturbed.is_none() {
        let place = Place::of(scanflow_testing::database_on(server()).await);
        let changes = Changes::of_a_fleet().expect("a drill has seen them");
        *undisturbed = Some(Undisturbed { place, changes, exports: HashMap::new(), rounds: 0 });
    }
    undisturbed.as_mut().expect("just made").until(rounds)
}

impl Undisturbed {
    fn until(&mut self, rounds: usize) -> String {
        while self.rounds <= rounds {
            let folder = self.changes.write(self.rounds);
            let imported = self.place.run(&["import", folder.to_str().expect("UTF-8")]);
            assert_eq!(imported.exit, 0, "{}", imported.stderr);
            let scanned = self.place.run(&["run", "--once"]);
            assert_eq!(scanned.exit, 0, "{}", scanned.stderr);
            self.exports.insert(self.rounds, self.place.run(&["export"]).stdout);
            self.rounds += 1;
        }
        self.exports[&rounds].clone()
    }
}

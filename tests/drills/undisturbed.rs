//! The same changes without any disturbance: what every drill is compared with.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::Mutex;

use crate::changes::Changes;
use crate::drill::server;
use crate::process::Place;

/// By the number of generated zones.
static UNDISTURBED: Mutex<BTreeMap<usize, Undisturbed>> = Mutex::const_new(BTreeMap::new());

struct Undisturbed {
    place: Place,
    changes: Changes,
    /// By the number of rounds.
    exports: HashMap<usize, String>,
    rounds: usize,
}

/// The export after so many rounds, each of them scanned once.
pub(crate) async fn export(zones: usize, rounds: usize) -> String {
    let mut undisturbed = UNDISTURBED.lock().await;
    if !undisturbed.contains_key(&zones) {
        let place = Place::of(scanflow_testing::database_on(server()).await);
        generate(&place, zones);
        let changes = Changes::of_a_fleet().expect("a drill has seen them");
        let new = Undisturbed { place, changes, exports: HashMap::new(), rounds: 0 };
        undisturbed.insert(zones, new);
    }
    undisturbed.get_mut(&zones).expect("just made").until(rounds)
}

/// The same ones in each place. They are small: a drill is about how many there are.
pub(crate) fn generate(place: &Place, zones: usize) {
    if 0 < zones {
        let ran = place.run(&[
            "generate",
            "--import",
            "--records-median",
            "1",
            "--zones",
            &zones.to_string(),
        ]);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
    }
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

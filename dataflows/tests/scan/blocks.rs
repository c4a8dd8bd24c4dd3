//! A worker that stands still until the test lets it go.

use std::sync::{Mutex, mpsc};

use scanflow::checks::{About, Check, Checks, Judges};
use scanflow::model::{AssetKind, CheckId, Severity, Snapshot, Verdict};

/// Blocks the worker that asks it.
pub(crate) struct Blocks {
    entered: Mutex<mpsc::Sender<()>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

/// What the test holds.
pub(crate) struct Blocked {
    /// Says when a worker is blocked.
    pub(crate) entered: mpsc::Receiver<()>,
    /// Dropped, it lets the worker go.
    pub(crate) gate: mpsc::Sender<()>,
}

static BLOCKS: About = About {
    id: CheckId::new("test.blocks"),
    version: 1,
    title: "Blocks its worker",
    severity: Severity::Info,
    asset: AssetKind::Zone,
    judges: Judges::Asset,
    needs: &[],
    fires_on_absence: false,
    remediation: "",
    reference: "",
};

impl Blocks {
    /// The only check.
    pub(crate) fn checks() -> (Checks, Blocked) {
        let (entered, is_entered) = mpsc::channel();
        let (let_go, gate) = mpsc::channel();
        let blocks = Blocks { entered: Mutex::new(entered), gate: Mutex::new(gate) };
        let blocks: &'static dyn Check = Box::leak(Box::new(blocks));
        (Box::leak(Box::new([blocks])), Blocked { entered: is_entered, gate: let_go })
    }
}

impl Check for Blocks {
    fn about(&self) -> &'static About {
        &BLOCKS
    }

    fn judge(&self, _snapshot: &Snapshot) -> Verdict {
        let _ = self.entered.lock().expect("no panic under the lock").send(());
        let _ = self.gate.lock().expect("no panic under the lock").recv(); // an error: it may go
        Verdict::Pass
    }
}

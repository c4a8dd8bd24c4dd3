//! A server that stands still.

use std::process::Command;

use crate::usage;

/// Every process of a server, until this is dropped.
pub(crate) struct Frozen(Vec<u32>);

impl Frozen {
    pub(crate) fn server(postmaster: u32) -> Frozen {
        let mut frozen = Frozen(Vec::new());
        // One that was made in the last moment shows in the second look.
        loop {
            let tree = usage::tree(postmaster);
            if tree.iter().all(|pid| frozen.0.contains(pid)) {
                return frozen;
            }
            frozen.0 = tree;
            frozen.signal("STOP");
        }
    }

    /// One that has ended meanwhile hears nothing.
    fn signal(&self, name: &str) {
        let pids = self.0.iter().map(u32::to_string);
        let _ = Command::new("kill").arg(format!("-{name}")).args(pids).output();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

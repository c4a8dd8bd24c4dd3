//! Processes as `/proc` shows them, and signals to them.

use std::fs;
use std::process::Command;

use scanflow::store::postgres::cluster::Server;

/// A hundredth of a second of one processor, on every Linux of today.
const TICKS_PER_SECOND: u64 = 100;

/// The fields after the name of the program; empty if there is no such process.
fn stat(pid: &str) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    fields.split(' ').map(str::to_owned).collect()
}

fn ticks(pid: &str, fields: std::ops::Range<usize>) -> u64 {
    let stat = stat(pid);
    let ticks = stat.get(fields).unwrap_or_default().iter();
    ticks.map(|field| field.parse::<u64>().expect("a number")).sum()
}

/// What a process has used.
pub(crate) fn cpu_ticks(pid: u32) -> u64 {
    ticks(&pid.to_string(), 11..13)
}

/// What this process and those that it has waited for have used.
pub(crate) fn own_cpu_seconds() -> f64 {
    ticks("self", 11..15) as f64 / TICKS_PER_SECOND as f64
}

fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("a Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = parent.to_string();
    pids.filter(|pid| stat(&pid.to_string()).get(1) == Some(&parent)).collect()
}

/// One that has ended meanwhile hears nothing.
fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let sent = Command::new("kill").arg(format!("-{name}")).args(pids).output();
    sent.expect("kill");
}

/// Every process of a server stands still until this is dropped.
pub(crate) struct Frozen(Vec<u32>);

impl Frozen {
    pub(crate) fn server(server: &Server) -> Frozen {
        let postmaster = server.pid().expect("it runs");
        let mut frozen = Frozen(vec![postmaster]);
        // One that was made in the last moment shows in the second look.
        loop {
            signal("STOP", &frozen.0);
            let children = children(postmaster);
            let new: Vec<u32> =
                children.into_iter().filter(|pid| !frozen.0.contains(pid)).collect();
            if new.is_empty() {
                return frozen;
            }
            frozen.0.extend(new);
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

//! What processes have used, from `/proc`.

use std::collections::HashMap;
use std::fs;

/// Clock ticks a second that `/proc` counts in; the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of this process so far, user and system, and of those it has waited for.
pub(crate) fn own_cpu_s() -> f64 {
    let ticks = stat("self").map_or(0, |stat| stat.own_ticks + stat.waited_ticks);
    ticks as f64 / TICKS_PER_SECOND
}

/// CPU seconds of a process and all below it, also of those that have ended and were waited for.
pub(crate) fn tree_cpu_s(root: u32) -> f64 {
    let ticks: u64 =
        stats_below(root).values().map(|stat| stat.own_ticks + stat.waited_ticks).sum();
    ticks as f64 / TICKS_PER_SECOND
}

/// A process and all below it.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    stats_below(root).into_keys().collect()
}

fn stats_below(root: u32) -> HashMap<u32, Stat> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = names.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats: HashMap<u32, Stat> =
        pids.filter_map(|pid| Some((pid, stat(&pid.to_string())?))).collect();
    let below = |pid: u32| {
        let chain = std::iter::successors(Some(pid), |pid| stats.get(pid).map(|stat| stat.parent));
        chain.take(64).any(|ancestor| ancestor == root)
    };
    let counted: Vec<u32> = stats.keys().copied().filter(|pid| below(*pid)).collect();
    let mut stats = stats;
    stats.retain(|pid, _| counted.contains(pid));
    stats
}

/// The most memory that this process held since [`forget_rss_max`], in MB of 10^6 bytes.
pub(crate) fn own_rss_max_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1_024.0 / 1e6
}

struct Stat {
    parent: u32,
    own_ticks: u64,
    waited_ticks: u64,
}

/// Fields of `/proc/PID/stat` (proc(5)); the command, which may hold anything, ends at the last `)`.
fn stat(pid: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own_ticks: number(11)? + number(12)?,
        waited_ticks: number(13)? + number(14)?,
    })
}

/// From here on [`own_rss_max_mb`] counts anew (proc(5), `clear_refs`). Where that is not allowed it
/// goes on counting from the start of the process.
pub(crate) fn forget_rss_max() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

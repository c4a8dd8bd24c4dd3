//! What the process uses, from `/proc` (proc(5)); without it these metrics are missing. Names and
//! meanings are those of the clients of Prometheus.

use std::fs;

use prometheus::{CounterVec, GaugeVec, Registry};

use super::{gauges, seconds};

/// Clock ticks a second that `/proc` counts in; the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) struct ProcessGauges {
    cpu: CounterVec,
    started_at: GaugeVec,
    resident: GaugeVec,
    virtual_memory: GaugeVec,
    threads: GaugeVec,
    open_files: GaugeVec,
    open_files_max: GaugeVec,
}

impl ProcessGauges {
    pub(super) fn register(registry: &Registry) -> ProcessGauges {
        let gauge = |name, help| gauges(registry, name, help, &[]);
        let cpu = "CPU time of the process, user and system.";
        ProcessGauges {
            cpu: seconds(registry, "process_cpu_seconds_total", cpu, &[]),
            started_at: gauge(
                "process_start_time_seconds",
                "When the process started, since 1970.",
            ),
            resident: gauge("process_resident_memory_bytes", "Memory that is in use."),
            virtual_memory: gauge("process_virtual_memory_bytes", "Addresses that are taken."),
            threads: gauge("process_threads", "Threads of the operating system."),
            open_files: gauge("process_open_fds", "Files and sockets that are open."),
            open_files_max: gauge("process_max_fds", "Files and sockets that may be open."),
        }
    }

    pub(super) fn set(&self) {
        if let Some((cpu, started_at)) = stat() {
            let counter = self.cpu.with_label_values::<&str>(&[]);
            counter.inc_by((cpu - counter.get()).max(0.0));
            put(&self.started_at, started_at);
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name| number_after(&status, name);
        put(&self.resident, field("VmRSS:").map(|kib| kib * 1_024.0));
        put(&self.virtual_memory, field("VmSize:").map(|kib| kib * 1_024.0));
        put(&self.threads, field("Threads:"));
        // The folder itself is open while it is read.
        let open = fs::read_dir("/proc/self/fd").map(|files| files.count().saturating_sub(1));
        put(&self.open_files, open.ok().map(|count| count as f64));
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        put(&self.open_files_max, number_after(&limits, "Max open files"));
    }
}

/// Memory that is in use; None without `/proc`.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    number_after(&status, "VmRSS:").map(|kib| (kib * 1_024.0) as u64)
}

fn put(gauge: &GaugeVec, value: Option<f64>) {
    if let Some(value) = value {
        gauge.with_label_values::<&str>(&[]).set(value);
    }
}

/// CPU seconds, and when the process started.
fn stat() -> Option<(f64, Option<f64>)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The command, which may hold anything, ends at the last `)`.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    let booted_at = fs::read_to_string("/proc/stat").unwrap_or_default();
    let started_at = number_after(&booted_at, "btime").zip(seconds(19));
    let started_at = started_at.map(|(booted_at, after)| booted_at + after);
    Some((seconds(11)? + seconds(12)?, started_at))
}

/// The first number in the line that begins with `name`.
fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

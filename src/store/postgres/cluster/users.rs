//! Who uses the server, as far as the system tells.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

/// The processes that hold a lock on `file`, in words. Only Linux tells.
pub(super) fn named(file: &File) -> String {
    let inode = file.metadata().map(|metadata| metadata.ino()).unwrap_or_default();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut users: Vec<String> = holders(&locks, inode).into_iter().map(process).collect();
    users.sort();
    users.dedup();
    if users.is_empty() { "another process".to_owned() } else { users.join(", ") }
}

/// Of lines such as `1: FLOCK  ADVISORY  READ 4711 00:2f:1234 0 EOF`, the numbers of processes.
fn holders(locks: &str, inode: u64) -> Vec<u32> {
    let of_file = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = fields[..] else { return None };
        let is_file = file.rsplit(':').next()? == inode.to_string();
        is_file.then(|| pid.parse().ok()).flatten()
    };
    locks.lines().filter_map(of_file).collect()
}

fn process(pid: u32) -> String {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    format!("process {pid} ({})", arguments.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_locks_of_one_file() {
        let locks = "1: FLOCK  ADVISORY  READ 4711 00:2f:1234 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4712 00:2f:1234 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 4713 00:2f:1234 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 4714 00:2f:12345 0 EOF\n";
        assert_eq!(holders(locks, 1234), [4711]);
    }
}

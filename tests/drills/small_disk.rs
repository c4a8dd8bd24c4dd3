//! A file system that is full when it has to be.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Unmounts it when its input ends, which it does however the process at the other end of the pipe
/// dies; the guard of the server on it has tidied up before, or has no more than ten seconds.
const GUARD: &str = r#"read _
rm -f "$1/ballast"
tries=0
while [ -n "$(ls -A "$1")" ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
umount -l "$1"
rmdir "$1"
"#;

/// In memory. Gone when it is dropped, or its process is.
pub(crate) struct SmallDisk {
    folder: PathBuf,
    guard: Child,
}

impl SmallDisk {
    /// Else why there is none, such as for want of privilege.
    pub(crate) fn mounted(megabytes: u32) -> Result<SmallDisk, String> {
        let parent = tempfile::Builder::new().prefix("scanflow-disk-").tempdir_in("/tmp");
        let folder = parent.expect("a folder").keep();
        let options = format!("size={megabytes}m,mode=0755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "scanflow-drill"]).arg(&folder);
        let failed = match mount.output() {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(err) => Some(err.to_string()),
        };
        if let Some(reason) = failed {
            fs::remove_dir(&folder).expect("an empty folder");
            return Err(reason);
        }
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "sh"]).arg(&folder).stdin(Stdio::piped()).process_group(0);
        let guard = guard.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell");
        Ok(SmallDisk { folder, guard })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all the room that there is.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file");
        let mut block = vec![0; 1 << 20];
        while !block.is_empty() {
            match ballast.write(&block) {
                Ok(_) => {}
                Err(err) if err.kind() == ErrorKind::StorageFull => {
                    let half = block.len() / 2;
                    block.truncate(half);
                }
                Err(err) => panic!("{err}"),
            }
        }
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("the ballast");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

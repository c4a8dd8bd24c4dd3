//! The folder of the Unix socket: short, since the path of a socket is, and open to nobody else,
//! since the server trusts whoever reaches it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::account::ServerUser;
use super::error::ClusterError;

const PATH_BYTES_MAX: usize = 107;
const FILE: &str = ".s.PGSQL.5432";

/// Folders for sockets, the preferred first.
pub(super) fn parents() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")]).collect()
}

/// Makes a fresh folder in the first of `parents` that is short enough and that `user` reaches.
pub(super) fn create(parents: &[PathBuf], user: &ServerUser) -> Result<PathBuf, ClusterError> {
    let mut failure = ClusterError::SocketPath;
    for parent in parents.iter().filter(|parent| parent.is_absolute()) {
        let name = Uuid::new_v4().simple().to_string();
        let folder = parent.join(format!("scanflow-{}", &name[..12]));
        if PATH_BYTES_MAX < folder.join(FILE).as_os_str().as_bytes().len() {
            continue;
        }
        if let Err(err) = user.check_reaches(parent) {
            failure = err;
            continue;
        }
        // Fails if it exists: nobody can have prepared it.
        let made = DirBuilder::new().mode(0o700).create(&folder).and_then(|()| user.give(&folder));
        match made {
            Ok(()) => return Ok(folder),
            Err(source) => {
                failure = ClusterError::SocketFolder { parent: parent.clone(), source };
            }
        }
    }
    Err(failure)
}

/// The folder that `memory` names, if it is still a folder that only `user` can enter.
pub(super) fn remembered(memory: &Path, user: &ServerUser) -> Option<PathBuf> {
    let folder = PathBuf::from(fs::read_to_string(memory).ok()?.trim_end());
    let metadata = fs::symlink_metadata(&folder).ok()?;
    let is_private = metadata.is_dir() && user.owns(&metadata) && metadata.mode() & 0o077 == 0;
    is_private.then_some(folder)
}

pub(super) fn remember(memory: &Path, folder: &Path) -> io::Result<()> {
    fs::write(memory, folder.as_os_str().as_bytes())
}

/// Removes what a killed server left.
pub(super) fn clear(folder: &Path) {
    for name in [FILE.to_owned(), format!("{FILE}.lock")] {
        let _ = fs::remove_file(folder.join(name));
    }
}

/// Removes a folder that [`create`] made, with what a killed server left in it.
pub(super) fn remove(folder: &Path) {
    clear(folder);
    let _ = fs::remove_dir(folder); // what stays is empty or not ours
}

/// Whether a server listens.
pub(super) fn answers(folder: &Path) -> bool {
    UnixStream::connect(folder.join(FILE)).is_ok()
}

//! The user that the server runs as: this one, or another if this one is root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::ClusterError;

/// Whom root becomes, in order of preference.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// A user, and whether one has to become it.
#[derive(Clone, Debug)]
pub struct ServerUser {
    name: String,
    uid: u32,
    gid: u32,
    is_other: bool,
}

impl ServerUser {
    /// The owner of `data` if it exists, since only he can use it.
    pub fn for_data(data: &Path) -> Result<ServerUser, ClusterError> {
        let own_uid = id(&["-u"]).ok_or(ClusterError::NoUser)?;
        let owner = fs::metadata(data).ok().map(|data| (data.uid(), data.gid()));
        if own_uid != 0 {
            if let Some((owner, _)) = owner.filter(|(owner, _)| *owner != own_uid) {
                return Err(ClusterError::ForeignOwner { path: data.to_owned(), owner });
            }
            let gid = id(&["-g"]).ok_or(ClusterError::NoUser)?;
            let name = format!("with number {own_uid}");
            return Ok(ServerUser { name, uid: own_uid, gid, is_other: false });
        }
        match owner {
            Some((0, _)) => Err(ClusterError::ForeignOwner { path: data.to_owned(), owner: 0 }),
            Some((uid, gid)) => {
                Ok(ServerUser { name: format!("with number {uid}"), uid, gid, is_other: true })
            }
            None => {
                let found = CANDIDATES.into_iter().find_map(|name| {
                    let (uid, gid) = (id(&["-u", name])?, id(&["-g", name])?);
                    Some(ServerUser { name: name.to_owned(), uid, gid, is_other: true })
                });
                found.ok_or(ClusterError::NoUser)
            }
        }
    }

    pub(super) fn owns(&self, metadata: &fs::Metadata) -> bool {
        metadata.uid() == self.uid
    }

    pub(super) fn is_other(&self) -> bool {
        self.is_other
    }

    /// Gives the user a file or folder that was made for it.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        if self.is_other { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// A program that will run as this user: not ended by the terminal's Ctrl-C, and not led astray
    /// by variables that are meant for clients.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let variables = std::env::vars_os().map(|(name, _)| name);
        for name in variables.filter(|name| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null()).process_group(0);
        if self.is_other {
            // The standard library gives up the groups of root with it.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Fails, naming the folder, if this user cannot enter one that leads to `folder`, an absolute
    /// path.
    pub fn check_reaches(&self, folder: &Path) -> Result<(), ClusterError> {
        if !self.is_other {
            return Ok(());
        }
        let mut ancestors: Vec<&Path> = folder.ancestors().collect();
        ancestors.reverse();
        let test = r#"for folder; do test -x "$folder" || { printf %s "$folder"; exit 1; }; done"#;
        let mut command = self.command(Path::new("/bin/sh"));
        let output = command.args(["-c", test, "sh"]).args(ancestors).output();
        let failed = |reason: String| ClusterError::Program { program: "sh", reason };
        let output = output.map_err(|err| failed(err.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).into_owned());
        Err(ClusterError::Untraversable { folder, user: self.name.clone() })
    }
}

/// The answer of POSIX' `id`, which also knows users that are in no file.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

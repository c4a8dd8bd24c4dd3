//! Finds the programs of Postgres on this machine.

use std::ffi::OsStr;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::ClusterError;

/// The major versions that scanflow works with.
pub const MAJORS: RangeInclusive<u32> = 14..=18;

/// Where distributions put the server; `*` stands for any end of one name.
const FOLDERS: [&str; 9] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    "/usr/bin",
];

const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The only folder to look in, if it is given.
    pub bin: Option<PathBuf>,
    /// Then these, in order.
    pub path: Vec<PathBuf>,
    /// Then these patterns, the newest version first.
    pub patterns: Vec<String>,
}

/// The programs of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    pub folder: PathBuf,
    pub major: u32,
}

impl Search {
    /// `PG_BIN`, `PATH` and the folders of distributions.
    pub fn from_environment() -> Search {
        let bin = std::env::var_os("PG_BIN").filter(|bin| !bin.is_empty()).map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        Search {
            bin,
            path: std::env::split_paths(&path).collect(),
            patterns: FOLDERS.map(str::to_owned).into(),
        }
    }

    /// The programs for the data in `data`, which were made by `major` if they exist.
    pub(super) fn find(&self, data: &Path, major: Option<u32>) -> Result<Binaries, ClusterError> {
        let (looked_in, found) = self.all();
        let Some(first) = found.first() else { return Err(ClusterError::Missing { looked_in }) };
        match major {
            Some(wanted) => {
                found.iter().find(|one| one.major == wanted).cloned().ok_or_else(|| {
                    let (data, found) = (data.to_owned(), first.major);
                    ClusterError::OtherMajor { data, wanted, found }
                })
            }
            None => {
                found.iter().find(|one| MAJORS.contains(&one.major)).cloned().ok_or_else(|| {
                    ClusterError::Unsupported { found: first.major, folder: first.folder.clone() }
                })
            }
        }
    }

    /// The programs to make a new cluster with.
    pub fn newest(&self) -> Result<Binaries, ClusterError> {
        self.find(Path::new(""), None)
    }

    /// The folders that were looked in, and the installations in them, the preferred first.
    fn all(&self) -> (Vec<PathBuf>, Vec<Binaries>) {
        if let Some(bin) = &self.bin {
            return (vec![bin.clone()], Binaries::in_folder(bin).into_iter().collect());
        }
        let mut found: Vec<Binaries> =
            self.path.iter().filter_map(|folder| Binaries::in_folder(folder)).collect();
        let expanded = self.patterns.iter().flat_map(|pattern| expanded(pattern));
        let mut others: Vec<Binaries> =
            expanded.filter_map(|folder| Binaries::in_folder(&folder)).collect();
        others.sort_by_key(|one| std::cmp::Reverse(one.major));
        found.extend(others);
        let patterns = self.patterns.iter().map(PathBuf::from);
        (self.path.iter().cloned().chain(patterns).collect(), found)
    }
}

impl Binaries {
    fn in_folder(folder: &Path) -> Option<Binaries> {
        let has_all = |folder: &Path| PROGRAMS.iter().all(|name| folder.join(name).is_file());
        if folder.as_os_str().is_empty() || !has_all(folder) {
            return None;
        }
        // A folder of links to some programs: beside the server itself are all the others.
        let linked = folder.join("postgres").canonicalize().ok()?.parent()?.to_owned();
        let folder = if has_all(&linked) { linked } else { folder.canonicalize().ok()? };
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8(output.stdout).ok()?)?;
        Some(Binaries { folder, major })
    }
}

/// Of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().nth(2)?;
    number.split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok()
}

/// The folders that a pattern with at most one `*` stands for.
fn expanded(pattern: &str) -> Vec<PathBuf> {
    let Some((start, end)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (parent, prefix) = start.rsplit_once('/').unwrap_or(("", start));
    let Ok(entries) = fs::read_dir(format!("{parent}/")) else { return Vec::new() };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let fits = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(prefix));
    let end = end.trim_start_matches('/');
    names.filter(|name| fits(name)).map(|name| Path::new(parent).join(name).join(end)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn reads_the_major_version() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("something else", None),
        ] {
            assert_eq!(major(text), expected, "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_named_is_the_only_one() {
        let search = Search { bin: Some(PathBuf::from("/nowhere")), ..Search::from_environment() };
        let err = search.newest().expect_err("nothing there");
        assert!(err.is_missing_dependency());
        assert!(err.to_string().contains("(looked in /nowhere): install it with `"), "{err}");
    }

    #[test]
    fn links_to_some_programs_lead_to_all_of_them() {
        let place = tempfile::tempdir().expect("a folder");
        let place = place.path().canonicalize().expect("a path");
        let folders = ["all", "links"].map(|name| place.join(name));
        let [all, links] = &folders;
        folders.iter().for_each(|folder| fs::create_dir(folder).expect("a folder"));
        for name in PROGRAMS {
            let program = all.join(name);
            fs::write(&program, "#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n").expect("a file");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("to allow");
            symlink(&program, links.join(name)).expect("a link");
        }
        let found = Binaries { folder: all.clone(), major: 15 };
        assert_eq!(Binaries::in_folder(links), Some(found));
    }
}

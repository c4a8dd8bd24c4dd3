//! One server over one data folder: made, started, found again and stopped with the programs of
//! Postgres.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::account::ServerUser;
use super::binaries::Binaries;
use super::error::ClusterError;

/// The superuser, and the owner of the database.
pub const USER: &str = "scanflow";

/// For recovery after a crash.
const START_SECONDS_MAX: &str = "600";
const STOP_SECONDS_MAX: &str = "120";
/// How often to try while the processes of a killed server are still ending; a try takes 100 ms.
const START_TRIES_MAX: u32 = 50;
/// How often to look whether a process that has let go of its data has ended.
const EXIT_TRIES_MAX: u32 = 5_000;
const EXIT_PAUSE: Duration = Duration::from_millis(2);
const LOG_BYTES_MAX: u64 = 16 << 20;

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Disconnects everybody and writes all down.
    Fast,
    /// Leaves at once; the next start recovers.
    Immediate,
}

/// A data folder with everything that is needed to serve it.
#[derive(Clone, Debug)]
pub struct Server {
    pub binaries: Binaries,
    pub user: ServerUser,
    pub data: PathBuf,
    pub log: PathBuf,
}

/// The major version that made a data folder. None if there is no data in it.
pub fn major_of(data: &Path) -> Result<Option<u32>, ClusterError> {
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(version) => version.trim().parse().map(Some).map_err(|_| not_a_database(data)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let is_empty = fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
            if is_empty { Ok(None) } else { Err(not_a_database(data)) }
        }
        Err(source) => Err(ClusterError::StateDir { path: data.to_owned(), source }),
    }
}

fn not_a_database(data: &Path) -> ClusterError {
    ClusterError::NotADatabase { path: data.to_owned() }
}

impl Server {
    /// Makes the data folder, whole or not at all. Whoever connects is trusted: give it no other
    /// door than a socket in a private folder.
    pub fn initialise(&self, options: &[&str]) -> Result<(), ClusterError> {
        let new = self.data.with_extension("new");
        let failed = |source| ClusterError::StateDir { path: new.clone(), source };
        match fs::remove_dir_all(&new) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(failed(err)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&new).map_err(failed)?;
        self.user.give(&new).map_err(failed)?;
        let mut initdb = self.program("initdb");
        initdb.arg("-D").arg(&new).args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]);
        initdb.arg("--no-instructions").args(options);
        run("initdb", &mut initdb)?;
        fs::rename(&new, &self.data).map_err(failed)
    }

    /// Starts it and waits until it can be used.
    pub fn start(&self, settings: &[(&str, String)]) -> Result<(), ClusterError> {
        let options: Vec<String> = settings
            .iter()
            .map(|(name, value)| format!("-c {name}='{}'", value.replace('\'', r"'\''")))
            .collect();
        let mut tries = 0;
        loop {
            let log_start = self.trimmed_log()?;
            // `pg_ctl` gives the server a session of its own.
            let mut start = self.program("pg_ctl");
            start.args(["start", "-w", "-s", "-t", START_SECONDS_MAX]);
            start.arg("-D").arg(&self.data).arg("-o").arg(options.join(" "));
            // The server inherits it: a pipe would not end before the server.
            let log = File::options().append(true).create(true).open(&self.log);
            let log = log.and_then(|log| Ok((log.try_clone()?, log)));
            let (stdout, stderr) = log.map_err(|source| self.unusable_log(source))?;
            let status = start.stdout(stdout).stderr(stderr).status();
            let status = status.map_err(|err| failure("pg_ctl", err.to_string()))?;
            if status.success() {
                return Ok(());
            }
            let log = fs::read(&self.log).unwrap_or_default();
            let text = String::from_utf8_lossy(log.get(log_start..).unwrap_or_default());
            tries += 1;
            if !text.contains("still in use") || START_TRIES_MAX <= tries {
                return Err(failure("pg_ctl", format!("{} ({})", told(&text), self.log.display())));
            }
        }
    }

    /// Waits until it has ended. One that does not run is no error.
    pub fn stop(&self, mode: StopMode) -> Result<(), ClusterError> {
        let Some(pid) = self.pid().filter(|&pid| self.is_process(pid)) else { return Ok(()) };
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "-w", "-s", "-t", STOP_SECONDS_MAX, "-m", mode]);
        run("pg_ctl", stop.arg("-D").arg(&self.data))?;
        // `pg_ctl` returns when the server has let go of its data, a moment before its process ends.
        for _ in 0..EXIT_TRIES_MAX {
            if !self.is_process(pid) {
                return Ok(());
            }
            std::thread::park_timeout(EXIT_PAUSE);
        }
        Err(failure("pg_ctl", format!("process {pid} let go of its data, but does not end")))
    }

    /// Whether its process lives. A number that another process has by now does not count.
    pub fn is_running(&self) -> bool {
        self.pid().is_some_and(|pid| self.is_process(pid))
    }

    fn is_process(&self, pid: u32) -> bool {
        let arguments = match fs::read(format!("/proc/{pid}/cmdline")) {
            Ok(arguments) => arguments,
            Err(_) if Path::new("/proc/self").exists() => return false,
            Err(_) => {
                let ps =
                    Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
                ps.map(|output| output.stdout).unwrap_or_default()
            }
        };
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.contains("postgres") && arguments.contains(&*self.data.to_string_lossy())
    }

    /// Whether its process has ended and nobody has asked how: in a container whose first process
    /// does not, that is for ever.
    pub(super) fn is_zombie(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.contains(" (postgres) Z ")
    }

    /// The process that the data folder names, alive or not.
    pub fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.pid_file()).ok()?.lines().next()?.trim().parse().ok()
    }

    /// Forgets a server that is known not to run: a server would take any process with its number
    /// for it and refuse to start.
    pub(super) fn forget_dead(&self) {
        let _ = fs::remove_file(self.pid_file());
    }

    fn pid_file(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    pub(super) fn program(&self, name: &str) -> Command {
        self.user.command(&self.binaries.folder.join(name))
    }

    /// Where the log goes on; it starts again when it is long.
    fn trimmed_log(&self) -> Result<usize, ClusterError> {
        let bytes = fs::metadata(&self.log).map_or(0, |log| log.len());
        if LOG_BYTES_MAX < bytes {
            fs::remove_file(&self.log).map_err(|source| self.unusable_log(source))?;
            return Ok(0);
        }
        Ok(usize::try_from(bytes).unwrap_or(0))
    }

    fn unusable_log(&self, source: io::Error) -> ClusterError {
        ClusterError::StateDir { path: self.log.clone(), source }
    }
}

pub(super) fn failure(program: &'static str, reason: String) -> ClusterError {
    ClusterError::Program { program, reason }
}

fn run(program: &'static str, command: &mut Command) -> Result<(), ClusterError> {
    let output = command.output().map_err(|err| failure(program, err.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failure(program, told(&String::from_utf8_lossy(&output.stderr))))
}

/// What a program said at the end, on one line.
pub(super) fn told(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}

//! A process of the binary while it runs, to be watched and killed.

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Nothing that is waited for takes so long, also beside other work.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(120);

/// Killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    pid: u32,
    stdout: Lines,
    stderr: Lines,
}

/// What comes out of a pipe, line by line, and what has come out of it.
struct Lines {
    lines: UnboundedReceiver<String>,
    read: String,
}

impl Lines {
    fn of(pipe: impl AsyncRead + Send + Unpin + 'static) -> Lines {
        let mut pipe = BufReader::new(pipe).lines();
        let (sender, lines) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(line) = pipe.next_line().await.expect("UTF-8") {
                let _ = sender.send(line); // an error means that nobody asks any more
            }
        });
        Lines { lines, read: String::new() }
    }

    /// None at the end.
    async fn next(&mut self) -> Option<String> {
        let line = self.lines.recv().await?;
        self.keep(&line);
        Some(line)
    }

    /// Takes what has come so far as read.
    fn skip(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.keep(&line);
        }
    }

    fn keep(&mut self, line: &str) {
        self.read += line;
        self.read.push('\n');
    }

    /// The first line that is as wanted, of those that were not read yet.
    async fn until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let found = tokio::time::timeout(WAIT_MAX, async {
            while let Some(line) = self.next().await {
                if is_it(&line) {
                    return Some(line);
                }
            }
            None
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| panic!("no line with {what}: {}", self.read))
    }
}

/// How a process ended, and all that it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("it starts");
        let stdout = Lines::of(child.stdout.take().expect("a pipe"));
        let stderr = Lines::of(child.stderr.take().expect("a pipe"));
        let pid = child.id().expect("it has not been waited for");
        Running { child, pid, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Only what it says from here on counts.
    pub(crate) fn forget_said(&mut self) {
        self.stderr.skip();
    }

    /// Waits for a line on stderr with these words.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        self.says_one_of(&[words]).await
    }

    /// Waits for a line on stderr with any of these words.
    pub(crate) async fn says_one_of(&mut self, words: &[&str]) -> String {
        let is_it = |line: &str| words.iter().any(|words| line.contains(words));
        self.stderr.until(&words.join(" or "), is_it).await
    }

    /// Waits for a line on stdout that is as wanted.
    pub(crate) async fn prints(&mut self, what: &str, is_it: impl Fn(&str) -> bool) {
        self.stdout.until(what, is_it).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        let (flag, pid) = (format!("-{name}"), self.pid.to_string());
        let status = Command::new("kill").args([flag, pid]).status();
        assert!(status.expect("kill").success(), "it is gone already: {}", self.stderr.read);
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(mut self) -> Ended {
        let status = tokio::time::timeout(WAIT_MAX, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it goes on: {}", self.stderr.read));
        while self.stderr.next().await.is_some() {}
        while self.stdout.next().await.is_some() {}
        let (stdout, stderr) = (self.stdout.read, self.stderr.read);
        Ended { status: status.expect("a status"), stdout, stderr }
    }

    pub(crate) async fn kill(self) -> Ended {
        self.signal("KILL");
        self.end().await
    }
}

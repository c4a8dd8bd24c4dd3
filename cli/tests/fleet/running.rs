//! A process of the binary while it runs, to be watched and killed.

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// Nothing that is waited for takes so long, also beside other work.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(120);

/// Killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    pid: u32,
    stdout: JoinHandle<String>,
    stderr: UnboundedReceiver<String>,
    said: String,
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
        let mut stdout = child.stdout.take().expect("a pipe");
        let stdout = tokio::spawn(async move {
            let mut text = String::new();
            stdout.read_to_string(&mut text).await.expect("UTF-8");
            text
        });
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (sender, stderr) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.expect("UTF-8") {
                let _ = sender.send(line); // an error means that nobody asks any more
            }
        });
        let pid = child.id().expect("it has not been waited for");
        Running { child, pid, stdout, stderr, said: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for a line on stderr with these words.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        loop {
            let line = tokio::time::timeout(WAIT_MAX, self.stderr.recv()).await;
            let line = line.unwrap_or_else(|_| panic!("it does not say {words:?}: {}", self.said));
            let line = line.unwrap_or_else(|| panic!("it did not say {words:?}: {}", self.said));
            self.said += &line;
            self.said.push('\n');
            if line.contains(words) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let (flag, pid) = (format!("-{name}"), self.pid.to_string());
        let status = Command::new("kill").args([flag, pid]).status();
        assert!(status.expect("kill").success(), "it is gone already: {}", self.said);
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(mut self) -> Ended {
        let status = tokio::time::timeout(WAIT_MAX, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it goes on: {}", self.said));
        while let Some(line) = self.stderr.recv().await {
            self.said += &line;
            self.said.push('\n');
        }
        let stdout = self.stdout.await.expect("no panic");
        Ended { status: status.expect("a status"), stdout, stderr: self.said }
    }

    pub(crate) async fn kill(self) -> Ended {
        self.signal("KILL");
        self.end().await
    }
}

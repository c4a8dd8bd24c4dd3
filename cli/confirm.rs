//! Asks before something is done that cannot be undone.

use std::io::{self, IsTerminal, Write};

use crate::exit::Failure;

/// Whoever is at the terminal has to agree; without one it fails with `refusal`. Who says no gets
/// `left`, which says that nothing was done.
pub(crate) async fn confirm(question: &str, refusal: String, left: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(refusal));
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    // On a thread that nobody waits for: Ctrl-C ends the process while it reads.
    let (answered, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let _ = answered.send(read.map(|_| line)); // an error means that nobody waits any more
    });
    let line = answer.await??;
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::usage(left.to_owned())),
    }
}

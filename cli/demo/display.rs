//! Shows the board while the demo works, on a thread of its own: a terminal or a pipe that takes
//! nothing must hold up no scan.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use scanflow::stop::Stop;

use super::lines::line;
use super::terminal;
use super::view::Board;
use crate::context::Context;
use crate::stdout::Stdout;

const LINE: Duration = Duration::from_secs(1);

/// How the board is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Nothing,
    /// A line a second on stdout.
    Lines,
    /// A screen that is drawn again and again.
    Screen {
        has_color: bool,
    },
}

impl Form {
    /// A screen where there is a terminal with keys, else lines.
    pub(super) fn of(context: &Context) -> Form {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if context.is_quiet() {
            Form::Nothing
        } else if Stdout::is_terminal() && io::stdin().is_terminal() && !is_dumb {
            Form::Screen { has_color: context.has_color() }
        } else {
            Form::Lines
        }
    }
}

/// Until it is ended.
#[derive(Debug)]
pub(super) struct Display {
    end: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Display {
    pub(super) fn start(form: Form, board: Board, stop: Stop) -> io::Result<Display> {
        let (end, ended) = channel();
        let wait = move |length| ended.recv_timeout(length) == Err(RecvTimeoutError::Timeout);
        let show = move || match form {
            Form::Nothing => Ok(()),
            Form::Lines => lines(&board, &EndsDemo(stop).0, wait),
            Form::Screen { has_color } => {
                terminal::show(&board, &EndsDemo(stop).0, || wait(Duration::ZERO), has_color)
            }
        };
        let thread = std::thread::Builder::new().name("display".to_owned()).spawn(show)?;
        Ok(Display { end, thread })
    }

    /// Shows the end, and waits until it is shown.
    pub(super) fn end(self) -> io::Result<()> {
        drop(self.end);
        let shown = self.thread.join();
        shown.unwrap_or_else(|_| Err(io::Error::other("the display panicked")))
    }
}

/// A demo that nobody sees any more ends, also after a panic.
struct EndsDemo(Stop);

impl Drop for EndsDemo {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// `wait` says whether to go on after a time.
fn lines(board: &Board, stop: &Stop, wait: impl Fn(Duration) -> bool) -> io::Result<()> {
    loop {
        let mut out = Stdout::lock();
        writeln!(out, "{}", line(&board.view()))?;
        out.flush()?;
        if out.is_closed() {
            stop.request(); // a demo that nobody sees shows nothing
        }
        drop(out);
        if !wait(LINE) {
            return Ok(());
        }
    }
}

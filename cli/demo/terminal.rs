//! Takes the terminal and gives it back, however the demo ends.

use std::io::{self, Write, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use scanflow::panics;
use scanflow::stop::Stop;

use super::screen;
use super::view::{Board, Stage};
use crate::logs;

const REDRAW: Duration = Duration::from_millis(200);
/// What a shell expects of a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back, if it is ours, and ends the process.
pub(super) fn exit_now(code: i32) {
    give_back();
    panics::exit_now(code);
}

/// Before a panic is told of, the terminal is given back: what is told on the other screen is lost.
/// Called before [`panics::exit_on_worker_panic`], which keeps panics from it that are contained.
pub(super) fn give_back_on_panic() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            report(panic);
        }));
    });
}

/// Draws the board until `goes_on` says no; q and Ctrl-C ask for a stop, and leave at once when asked
/// again.
pub(super) fn show(
    board: &Board,
    stop: &Stop,
    goes_on: impl Fn() -> bool,
    has_color: bool,
) -> io::Result<()> {
    let _taken = Taken::take()?;
    // The other screen is empty; to clear it would ask the terminal where its cursor is, and wait.
    let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
    while goes_on() && TAKEN.load(Ordering::SeqCst) {
        let mut view = board.view();
        if stop.is_requested() {
            view.stage = Stage::Stopping;
        }
        terminal.draw(|frame| screen::draw(frame, &view, has_color))?;
        // A key or another size is shown at once.
        if event::poll(REDRAW)?
            && let Event::Key(key) = event::read()?
            && leaves(key)
        {
            if stop.is_requested() {
                exit_now(INTERRUPTED);
            }
            stop.request();
        }
    }
    Ok(())
}

fn leaves(key: KeyEvent) -> bool {
    let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_end = match key.code {
        KeyCode::Char('c') => is_ctrl,
        KeyCode::Char('q' | 'Q') => !is_ctrl,
        _ => false,
    };
    is_end && key.kind == KeyEventKind::Press
}

/// The terminal, given back when this is dropped.
struct Taken;

impl Taken {
    fn take() -> io::Result<Taken> {
        logs::hold();
        TAKEN.store(true, Ordering::SeqCst);
        let taken = Taken;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // There is nothing else to try if one of these fails.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
        let _ = stdout().flush();
        logs::release();
    }
}

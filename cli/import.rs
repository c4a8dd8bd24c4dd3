//! `scanflow import`.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use scanflow::clock::Clock;
use scanflow::config::LogFormat;
use scanflow::model::UnixTime;
use scanflow::sources::inventory::{self, Event, ImportError, Options, Owner, Report, WalkError};

use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Import accounts, zones and records from files
///
/// Reads JSON Lines (an account, a zone or a record a line), zone files and what providers' APIs
/// answer, each plain or compressed with zstd. What is not inventory is passed over with a note.
///
/// The records of a zone are replaced as a whole or not at all: a zone with a bad record keeps those
/// that it has. Every bad line is told of as FILE:LINE: REASON, everything else is imported, and the
/// exit code is 65.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Files, folders of one source, or folders of such folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The source of all that is imported. Default: each file and folder is named after itself
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Whether the files hold all records of their zones: then a record that is missing is known to
    /// be missing
    #[arg(long, value_name = "HOW", default_value = "complete")]
    records: Extent,

    /// Remove the zones and accounts of SOURCE that the files no longer list, and resolve their
    /// insights
    #[arg(long, value_name = "SOURCE")]
    prune: Vec<String>,

    /// The account of zone files that no owners.csv (zone,account,plan) beside them names. Default:
    /// imported
    #[arg(long, value_name = "ID")]
    account: Option<String>,

    /// The plan of that account
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Extent {
    /// As each zone says of itself, or else complete
    Complete,
    /// A part
    Partial,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let options = Options {
            paths: self.paths,
            source: self.source,
            owner: Owner { account: self.account, plan: self.plan },
            records_partial: self.records == Extent::Partial,
            prune: self.prune,
            cadences: context.config.cadences(),
        };
        let clock = Clock::system();
        let began = clock.now();
        let mut progress = Progress::new(context, &clock);
        let report = context.block_on(async {
            let database = context.database().await?;
            let mut on_event = |event| progress.take(event);
            inventory::import(&database, &options, &mut on_event).await.map_err(failure)
        });
        progress.finish();
        let report = report?;
        let mut out = Stdout::lock();
        writeln!(out, "{}", summary(&report, clock.now().since(began)))?;
        out.flush()?;
        let is_clean = report.problems == 0 && !progress.is_prune_refused;
        Ok(if is_clean { Exit::Done } else { Exit::BadInput })
    }
}

pub(crate) fn failure(err: ImportError) -> Failure {
    match err {
        ImportError::Walk(WalkError::Unreadable { ref source, .. })
            if source.kind() == ErrorKind::NotFound =>
        {
            Failure::new(Exit::Usage, err)
        }
        ImportError::Database(_) => Failure::from(err),
        ImportError::Walk(_) | ImportError::NothingToPrune { .. } => {
            Failure::new(Exit::BadInput, err)
        }
    }
}

pub(crate) fn summary(report: &Report, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(0.001);
    format!(
        "{} accounts, {} zones, {} records of {} sources: {} changed, {} unchanged, {} removed; \
         {} problems; {seconds:.1} s, {:.0} records/s",
        report.accounts,
        report.zones,
        report.records,
        report.sources,
        report.written.changed,
        report.written.unchanged,
        report.removed,
        report.problems,
        report.records as f64 / seconds,
    )
}

/// Says what happens: problems as lines on stderr, and how far the import is on a terminal.
pub(crate) struct Progress<'c> {
    context: &'c Context,
    bar: ProgressBar,
    clock: &'c Clock,
    drawn: UnixTime,
    lines: u64,
    zones: u64,
    records: u64,
    is_prune_refused: bool,
}

const DRAWN_EVERY: Duration = Duration::from_millis(100);

impl<'c> Progress<'c> {
    pub(crate) fn new(context: &'c Context, clock: &'c Clock) -> Progress<'c> {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner())
        } else {
            ProgressBar::hidden()
        };
        let (drawn, is_prune_refused) = (clock.now(), false);
        Progress { context, bar, clock, drawn, lines: 0, zones: 0, records: 0, is_prune_refused }
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Problem(problem) => self.say(&problem.to_string()),
            Event::Skipped(note) => {
                let note = cell::shown(&format!("skipped {note}"));
                self.bar.suspend(|| self.context.note(&note));
            }
            Event::PruneRefused { source } => {
                self.is_prune_refused = true;
                self.say(&format!("{source}: nothing is removed, since the listing has problems"));
            }
            Event::Read { source, lines } => {
                self.lines += lines;
                self.draw(&source);
            }
            Event::Stored { source, zones, records } => {
                self.zones += zones;
                self.records += records;
                self.draw(&source);
            }
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Problems are shown also with `-q`: they are what the exit code is about.
    fn say(&self, line: &str) {
        self.bar.suspend(|| match self.context.config.log.format {
            LogFormat::Json => tracing::error!("{line}"),
            LogFormat::Text => {
                // Nobody reads, nobody misses it.
                let _ = writeln!(std::io::stderr(), "{}", cell::shown(line));
            }
        });
    }

    fn draw(&mut self, source: &str) {
        let now = self.clock.now();
        if self.bar.is_hidden() || now < self.drawn + DRAWN_EVERY {
            return;
        }
        self.drawn = now;
        let Progress { lines, zones, records, .. } = self;
        // What is generated is not read.
        let read = if *lines > 0 { format!("{lines} lines read; ") } else { String::new() };
        let stored = format!("{source}: {read}{zones} zones and {records} records stored");
        self.bar.set_message(stored);
        self.bar.tick();
    }
}

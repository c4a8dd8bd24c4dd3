//! `scanflow demo`: a fleet of its own, scanned and kept fresh before somebody's eyes.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::anyhow;
use scanflow::clock::Clock;
use scanflow::config::Flag;
use scanflow::operators::Feed;
use scanflow::panics;
use scanflow::schedule::{Backlog, Ending, Progress, Rate};
use scanflow::sources::inventory::{Event, Report};
use scanflow::stop::Stop;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::status::{open_by_check, open_by_severity};
use scanflow::telemetry::Telemetry;
use scanflow_dataflows::{Connections, Lead, Led, Shape, lead};

use self::display::{Display, Form};
use self::fleet::Fleet;
use self::mutator::Mutator;
use self::place::Place;
use self::scale::Scale;
use self::summary::Summary;
use self::view::{Board, Stage};
use self::watch::Watch;
use crate::context::Context;
use crate::database::Watched;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;
use crate::{admin, cell, run};

mod display;
mod fleet;
mod lines;
mod mutator;
mod place;
mod scale;
mod screen;
mod summary;
mod terminal;
mod view;
mod watch;

/// Show what scanflow does, on a fleet and in a database of its own
///
/// Starts a private Postgres in the folder `demo` of the state directory, imports a fleet (yours with
/// `--fleet`, else a generated one), scans all of it, and keeps it fresh on a time scale that shows
/// something, while some zones are broken and repaired. What an earlier demo left is removed; no other
/// database is touched.
///
/// On a terminal it draws a screen, until q or Ctrl-C; elsewhere it prints a line a second. The admin
/// port is any that is free on this machine, unless `admin.listen` is off.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    fleet: Fleet,

    /// Leave when everything was scanned once
    #[arg(long)]
    once: bool,

    /// Divide every cadence by this; lowered, and told so, if the machine cannot keep up
    #[arg(long, value_name = "F", default_value_t = scale::DEFAULT, value_parser = scale::parse)]
    time_scale: f64,
}

impl Demo {
    /// The screen and the lines say how it goes, so the log says no more than it must.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        vec![Flag { name: "demo", key: "log.level", value: "warn".to_owned() }]
    }

    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let clock = Clock::system();
        let place = Place::claim(context)?;
        terminal::give_back_on_panic();
        panics::exit_on_worker_panic(terminal::exit_now);
        let runtime = run::runtime(context.config.run.workers)?;
        let stop = Stop::default();
        stop.on_signals(runtime.handle(), terminal::exit_now)?;
        stop.on_hangup(runtime.handle())?;
        let board = Board::new(self.fleet.to_string(), clock.clone());
        let form = Form::of(context);
        let display = Display::start(form, board.clone(), stop.clone())?;
        let (telemetry, shape) = (Telemetry::default(), Arc::default());
        let show = Show { demo: self, form, place, clock, board, stop, telemetry, shape };
        let summary = runtime.block_on(show.run());
        let shown = display.end();
        let summary = summary?;
        shown?;
        if form != Form::Nothing {
            let mut out = Stdout::lock();
            let next = summary::next_steps(&context.state_dir, &show.place.context.state_dir);
            write!(out, "\n{}\n{next}", summary.text())?;
            out.flush()?;
        }
        Ok(Exit::Done)
    }
}

/// A demo that goes on.
struct Show {
    demo: Demo,
    form: Form,
    place: Place,
    clock: Clock,
    board: Board,
    stop: Stop,
    telemetry: Telemetry,
    shape: Arc<OnceLock<Shape>>,
}

/// A shorter pass over the fleet shows nothing of what the machine can do.
const SHOWS_SPEED: Duration = Duration::from_secs(2);

impl Show {
    /// To its end; a stop ends every part early and well.
    async fn run(&self) -> Result<Summary, Failure> {
        let database = tokio::select! {
            database = self.place.database(&self.clock) => database?,
            () = self.stop.requested() => return Ok(Summary::default()),
        };
        tokio::select! {
            summary = self.with(&database) => summary,
            never = self.place.context.watch_server() => match never {},
        }
    }

    async fn with(&self, database: &Database) -> Result<Summary, Failure> {
        let mut summary = Summary::default();
        self.open_admin(database).await?;
        if !self.stop.is_requested()
            && let Some(imported) = self.import(database).await?
        {
            summary.imported = imported;
            let connections = self.place.context.connections(Watched::Here).await?.job;
            self.cover(&connections, &mut summary).await?;
            if !self.demo.once && !self.stop.is_requested() {
                self.keep_fresh(&connections, &mut summary).await?;
            }
        }
        summary.fleet = self.demo.fleet.to_string();
        self.board.change(|view| view.stage = Stage::Stopping);
        let view = self.board.view();
        (summary.first_insight, summary.covered) = (view.first_insight, view.covered);
        (summary.broken, summary.repaired) = (view.broken, view.repaired);
        summary.open = open_by_severity(database).await?;
        summary.open_checks = open_by_check(database).await?;
        Ok(summary)
    }

    /// On a port that nobody has: a demo must not be in the way of a job that runs.
    async fn open_admin(&self, database: &Database) -> Result<(), Failure> {
        let context = &self.place.context;
        if context.config.admin.listen.is_none() {
            return Ok(());
        }
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = admin::listen(anywhere).await;
        let listener = listener.map_err(|err| Failure::new(Exit::Unavailable, err))?;
        let said = format!("admin: http://{}", listener.local_addr()?);
        let (clock, stop) = (&self.clock, &self.stop);
        let watching = database.beside(1)?;
        admin::spawn(listener, context, watching, clock, stop, &self.telemetry, &self.shape);
        match self.form {
            Form::Screen { .. } => self.board.change(|view| view.admin = Some(said)),
            Form::Lines | Form::Nothing => context.note(&said),
        }
        Ok(())
    }

    /// None: stopped before the end.
    async fn import(&self, database: &Database) -> Result<Option<Report>, Failure> {
        self.board.change(|view| view.stage = Stage::Importing);
        let cadences = self.place.context.config.cadences();
        let mut on_event = |event| self.imported(event);
        let report = tokio::select! {
            report = self.demo.fleet.import(database, cadences, &mut on_event) => report?,
            () = self.stop.requested() => return Ok(None),
        };
        if report.accounts + report.zones == 0 {
            let empty = anyhow!("{} holds no account and no zone", self.demo.fleet);
            return Err(Failure::new(Exit::BadInput, empty));
        }
        Ok(Some(report))
    }

    fn imported(&self, event: Event) {
        match event {
            Event::Stored { zones, records, .. } => self.board.change(|view| {
                view.zones_stored += zones;
                view.records_stored += records;
            }),
            Event::Problem(problem) => tracing::warn!("{}", cell::shown(&problem.to_string())),
            Event::Skipped(_) | Event::Read { .. } | Event::PruneRefused { .. } => {}
        }
    }

    /// Scans every asset once, as fast as the machine can.
    async fn cover(&self, connections: &Connections, summary: &mut Summary) -> Result<(), Failure> {
        self.board.change(|view| view.stage = Stage::Covering);
        let feed = Feed::default();
        let started = self.clock.now();
        let leading = self.lead(connections, |lead| Lead {
            ending: Ending::Once,
            rate: Rate::Max,
            feed: feed.clone(),
            ..lead
        });
        let led = tokio::select! {
            led = leading => led?,
            never = self.watch(&connections.control, &feed).covering() => match never {},
        };
        let took = self.clock.now().since(started);
        let elapsed = self.board.elapsed();
        let scans = scans(&led);
        let is_covered = !self.stop.is_requested();
        let has_insight = 0 < led.rows.fast.opened + led.rows.slow.opened;
        self.board.change(|view| {
            view.progress = feed.progress().map(if is_covered { all_scanned } else { |p| p });
            view.covered = is_covered.then_some(elapsed);
            if has_insight {
                view.first_insight.get_or_insert(elapsed);
            }
        });
        summary.scans += scans;
        summary.covering_scans = scans;
        summary.covering = is_covered.then_some(took);
        Ok(())
    }

    /// Scans what is due by the scaled cadences, until a stop.
    async fn keep_fresh(
        &self,
        connections: &Connections,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let Show { demo, board, clock, .. } = self;
        let plans = board.view().progress.map(|progress| progress.plans).unwrap_or_default();
        let able = summary.covering.filter(|took| SHOWS_SPEED <= *took);
        let able = able.map(|took| summary.covering_scans as f64 / took.as_secs_f64());
        let scale = Scale::fit(demo.time_scale, &plans, able);
        let cadences = scale.cadences(&self.place.context.config.cadences());
        board.change(|view| {
            view.stage = Stage::Fresh;
            // From here on it is told what comes and goes; what was found at first dwarfs it.
            view.opened.clear();
            view.speeds.clear();
            view.scale = Some(scale);
        });
        let feed = Feed::default();
        let leading = self.lead(connections, |lead| Lead {
            cadences: cadences.clone(),
            rate: Rate::Auto,
            ending: Ending::Drained,
            feed: feed.clone(),
            ..lead
        });
        let database = &connections.control;
        let mutator = Mutator::new(
            database.clone(),
            clock.clone(),
            board.clone(),
            cadences.clone(),
            demo.fleet.seed,
        );
        let started = clock.now();
        let led = tokio::select! {
            led = leading => led?,
            never = self.watch(database, &feed).keeping_fresh(clock) => match never {},
            never = mutator.run() => match never {},
        };
        summary.scans += scans(&led);
        let (fast, slow) = (led.rows.fast, led.rows.slow);
        summary.opened = fast.opened + slow.opened + fast.reopened + slow.reopened;
        summary.resolved = fast.resolved + slow.resolved;
        summary.scale = Some(scale);
        summary.fresh = Some(clock.now().since(started));
        Ok(())
    }

    fn watch<'a>(&'a self, database: &'a Database, feed: &'a Feed) -> Watch<'a> {
        Watch { database, feed, board: &self.board, telemetry: &self.telemetry }
    }

    async fn lead(
        &self,
        connections: &Connections,
        told: impl FnOnce(Lead) -> Lead,
    ) -> Result<Led, Failure> {
        let config = &self.place.context.config;
        let workers = timely::Config::process(config.run.workers);
        let (stop, telemetry) = (self.stop.clone(), self.telemetry.clone());
        let shape = Arc::clone(&self.shape);
        let task = told(Lead { stop, telemetry, shape, ..Lead::of(config) });
        let led = lead(connections, workers, &self.clock, task).await.map_err(run::failure)?;
        match led.lost {
            None => Ok(led),
            Some(lost) => Err(Failure::new(Exit::TryAgain, anyhow!("the lease is lost: {lost:?}"))),
        }
    }
}

/// What a run reported last is up to half a second old.
fn all_scanned(mut progress: Progress) -> Progress {
    progress.backlog = Backlog::default();
    progress.plans.iter_mut().for_each(|plan| plan.never_scanned = 0);
    progress
}

fn scans(led: &Led) -> u64 {
    let returned = led.summary.stats.returned;
    returned.fast + returned.slow
}

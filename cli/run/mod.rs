//! `scanflow run`: scans what is due, for ever or once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Flag;
use scanflow::operators::Feed;
use scanflow::panics;
use scanflow::schedule::{Ending, Rate};
use scanflow::stop::{self, Stop};
use scanflow::store::postgres::{Lease, Taken};
use scanflow::telemetry::Telemetry;
use scanflow_dataflows::{Connections, Lead, LeadError, Led, Shape, lead};
use tokio::signal::unix::Signal;

use crate::admin::{self, ListenError};
use crate::context::Context;
use crate::database::{JobConnections, Watched};
use crate::exit::{Exit, Failure};

pub(crate) mod live;
mod reload;

/// Scan what is due and keep every insight fresh, until a signal or an end
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Scan every asset exactly once, due or not, and leave
    #[arg(long)]
    once: bool,

    /// With --once: only what is due
    #[arg(long, requires = "once")]
    due: bool,

    /// Scans a second: auto keeps the promises of all plans, max is held back by credits only
    /// [default: auto; max with --once]
    #[arg(long, value_name = "auto|max|N")]
    rate: Option<String>,

    /// Threads that judge [default: 2]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

impl Run {
    /// The settings that flags of this command stand for.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let mut flags = Vec::new();
        if let Some(rate) = &self.rate {
            flags.push(Flag { name: "--rate", key: "schedule.rate", value: rate.clone() });
        }
        if let Some(workers) = self.workers {
            flags.push(Flag { name: "--workers", key: "run.workers", value: workers.to_string() });
        }
        flags
    }

    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        panics::exit_on_worker_panic(panics::exit_now);
        let runtime = runtime(context.config.run.workers)?;
        let stop = Stop::default();
        stop.on_signals(runtime.handle(), panics::exit_now)?;
        let hangup = stop::outlive_hangup(runtime.handle())?;
        runtime.block_on(async {
            // Before it leads there is nothing to drain, and much that may take long.
            let starting = self.start(context, &stop);
            let start = tokio::select! {
                start = starting => start?,
                () = stop.requested() => return Ok(Exit::Done),
            };
            self.lead(context, stop.clone(), hangup, start).await
        })
    }

    /// All that comes before the lease.
    async fn start(&self, context: &Context, stop: &Stop) -> Result<Start, Failure> {
        let watched = match context.config.admin.listen {
            Some(_) => Watched::FromOutside,
            None => Watched::Here,
        };
        let JobConnections { job: connections, watching } = context.connections(watched).await?;
        let clock = Clock::system();
        let (telemetry, shape) = (Telemetry::default(), Arc::default());
        if let Some(address) = context.config.admin.listen {
            let listener = match admin::listen(address).await {
                Ok(listener) => listener,
                Err(err) => return Err(why_not(err, context, &connections, &clock).await),
            };
            context.note(&format!("admin: http://{}", listener.local_addr()?));
            admin::spawn(listener, context, watching, &clock, stop, &telemetry, &shape);
        }
        Ok(Start { connections, clock, telemetry, shape })
    }

    async fn lead(
        &self,
        context: &Context,
        stop: Stop,
        hangup: Signal,
        start: Start,
    ) -> Result<Exit, Failure> {
        let config = &context.config;
        let Start { connections, clock, telemetry, shape } = start;
        let feed = Feed::default();
        let (ending, rate) = (self.ending(), self.rate(config.schedule.rate));
        let watching = live::watch(
            feed.clone(),
            telemetry.clone(),
            connections.control.clone(),
            clock.clone(),
        );
        let (flags, told, meter) = (self.flags(), feed.clone(), telemetry.clone());
        let reloading = reload::follow(context, &flags, &told, &meter, hangup);
        let leading = lead(
            &connections,
            timely::Config::process(config.run.workers),
            &clock,
            Lead { rate, ending, feed, stop, telemetry, shape, ..Lead::of(config) },
        );
        let started = clock.now();
        let led = tokio::select! {
            led = leading => led,
            never = watching => match never {},
            never = reloading => match never {},
            never = context.watch_server() => match never {},
        };
        let led = led.map_err(failure)?;
        context.note(&summary(&led, clock.now().since(started)));
        Ok(if led.lost.is_some() { Exit::TryAgain } else { Exit::Done })
    }

    fn ending(&self) -> Ending {
        match (self.once, self.due) {
            (false, _) => Ending::Drained,
            (true, false) => Ending::Once,
            (true, true) => Ending::OnceDue,
        }
    }

    fn rate(&self, configured: Rate) -> Rate {
        let unasked = self.rate.is_none() && configured == Rate::Auto;
        if self.once && unasked { Rate::Max } else { configured }
    }
}

/// What a run stands on.
struct Start {
    connections: Connections,
    clock: Clock,
    telemetry: Telemetry,
    shape: Arc<OnceLock<Shape>>,
}

/// A port that is taken is mostly that of the process which leads this very fleet: then that is what
/// to say.
async fn why_not(
    err: ListenError,
    context: &Context,
    connections: &Connections,
    clock: &Clock,
) -> Failure {
    if err.is_taken() {
        let database = &connections.lease;
        match Lease::take(database, clock, context.config.schedule.lease_ttl).await {
            Ok(Taken::Held { holder }) => return failure(LeadError::Held { holder }),
            Ok(Taken::Lease(lease)) => {
                if let Err(err) = lease.release(database).await {
                    return err.into();
                }
            }
            Err(err) => return err.into(),
        }
    }
    Failure::new(Exit::Unavailable, err)
}

/// Threads for what waits, beside so many that judge.
pub(crate) fn runtime(workers: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(workers.div_ceil(2)).enable_all().build()
}

pub(crate) fn failure(err: LeadError) -> Failure {
    match err {
        LeadError::Held { .. } | LeadError::Paused { .. } => Failure::new(Exit::TryAgain, err),
        other => Failure::from(other),
    }
}

fn summary(led: &Led, took: Duration) -> String {
    let stats = &led.summary.stats;
    let scans = stats.returned.fast + stats.returned.slow;
    let seconds = took.as_secs_f64();
    let (fast, slow) = (led.rows.fast, led.rows.slow);
    let mut text = format!(
        "{scans} scans in {seconds:.1} s ({:.0}/s); insights: {} opened, {} changed, {} resolved, \
         {} reopened",
        scans as f64 / seconds,
        fast.opened + slow.opened,
        fast.changed + slow.changed,
        fast.resolved + slow.resolved,
        fast.reopened + slow.reopened,
    );
    if led.summary.open_tickets != 0 {
        let open = led.summary.open_tickets;
        text += &format!("; {open} scans were given up and are still due");
    }
    text
}

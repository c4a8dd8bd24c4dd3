//! `scanflow run`: scans what is due, for ever or once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Flag;
use scanflow::operators::Feed;
use scanflow::panics;
use scanflow::schedule::{Ending, Rate};
use scanflow::stop::{self, Stop};
use scanflow::store::postgres::Database;
use scanflow::telemetry::Telemetry;
use scanflow_dataflows::{Connections, Lead, LeadError, Led, Shape, lead};
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;

use crate::admin;
use crate::context::Context;
use crate::database::{JobConnections, Watched};
use crate::exit::{Exit, Failure};

pub(crate) mod live;
mod port;
mod reload;

/// Scan what is due and keep every insight fresh, until a signal or an end
///
/// One process leads. Beside it another one stands by, and leads as soon as that has ended or its
/// lease is over; so start two, on two machines. Who is further away from the database than
/// `schedule.lead_rtt_max` stands by as well. With --once nobody waits: it leaves with 75.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Scan every asset exactly once, due or not, and leave; with 75 if it cannot lead
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
            self.lead(context, hangup, start).await
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
        let mut start = Start {
            connections,
            watching,
            clock,
            telemetry,
            shape,
            stop: stop.clone(),
            port: None,
        };
        if let Some(address) = context.config.admin.listen {
            match port::open(address, &start.connections.lease, !self.once).await? {
                Some(listener) => start.answer(context, listener)?,
                None => start.port = Some(address),
            }
        }
        Ok(start)
    }

    async fn lead(&self, context: &Context, hangup: Signal, start: Start) -> Result<Exit, Failure> {
        let config = &context.config;
        let Start { connections, clock, telemetry, shape, stop, .. } = start.clone();
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
            Lead {
                rate,
                ending,
                stands_by: !self.once,
                feed,
                stop,
                telemetry,
                shape,
                ..Lead::of(config)
            },
        );
        let started = clock.now();
        let led = tokio::select! {
            led = leading => led,
            never = watching => match never {},
            never = reloading => match never {},
            never = start.answer_later(context) => match never {},
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
#[derive(Clone)]
struct Start {
    connections: Connections,
    /// For the admin port alone.
    watching: Database,
    clock: Clock,
    telemetry: Telemetry,
    shape: Arc<OnceLock<Shape>>,
    stop: Stop,
    /// Where to answer once it is free.
    port: Option<SocketAddr>,
}

impl Start {
    fn answer(&self, context: &Context, listener: TcpListener) -> std::io::Result<()> {
        let Start { watching, clock, telemetry, shape, stop, .. } = self;
        context.note(&format!("admin: http://{}", listener.local_addr()?));
        admin::spawn(listener, context, watching.clone(), clock, stop, telemetry, shape);
        Ok(())
    }

    /// To lead without a port is better than not to lead.
    async fn answer_later(&self, context: &Context) -> Infallible {
        if let Some(address) = self.port {
            let answered = match port::free(address).await {
                Ok(listener) => self.answer(context, listener).map_err(anyhow::Error::from),
                Err(err) => Err(err.into()),
            };
            if let Err(err) = answered {
                tracing::warn!("nobody answers for this process: {err:#}");
            }
        }
        std::future::pending().await
    }
}

/// Threads for what waits, beside so many that judge.
pub(crate) fn runtime(workers: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(workers.div_ceil(2)).enable_all().build()
}

pub(crate) fn failure(err: LeadError) -> Failure {
    match err {
        LeadError::Held { .. } | LeadError::TooFar(_) | LeadError::Paused { .. } => {
            Failure::new(Exit::TryAgain, err)
        }
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

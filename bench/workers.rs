//! The workers of one pass: threads of this process, and processes beside it that form a cluster
//! with it.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context;
use scanflow::checks;
use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::model::PerLane;
use scanflow::operators::Feed;
use scanflow::sinks::Sink;
use scanflow::sinks::postgres::{COPY_FINDINGS_MIN, Postgres};
use scanflow::stop::Stop;
use scanflow::telemetry::Telemetry;
use scanflow_dataflows::{Job, JobError, run};
use timely::{CommunicationConfig, WorkerConfig};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use crate::server::{Server, connections};

/// How many threads judge in each of how many processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    pub(crate) threads: usize,
    pub(crate) processes: usize,
}

impl From<usize> for Workers {
    fn from(threads: usize) -> Workers {
        Workers { threads, processes: 1 }
    }
}

impl Workers {
    /// Starts the other processes. This one is the first.
    pub(crate) fn start(self, server: &Server) -> anyhow::Result<(timely::Config, Vec<Child>)> {
        let Workers { threads, processes } = self;
        if processes == 1 {
            return Ok((timely::Config::process(threads), Vec::new()));
        }
        let listeners = (0..processes).map(|_| TcpListener::bind("127.0.0.1:0"));
        let listeners = listeners.collect::<Result<Vec<_>, _>>().context("ports for a cluster")?;
        let addresses = listeners.iter().map(|listener| Ok(listener.local_addr()?.to_string()));
        let addresses = addresses.collect::<anyhow::Result<Vec<_>>>()?;
        drop(listeners);
        let bench = std::env::current_exe().context("the path of this program")?;
        let others = (1..processes).map(|process| {
            let mut other = Command::new(&bench);
            other.arg("follow").args(["--url", server.url()]).args(&addresses);
            other.arg("--process").arg(process.to_string());
            other.arg("--workers").arg(threads.to_string());
            other.kill_on_drop(true).spawn().context("another process")
        });
        let others = others.collect::<anyhow::Result<_>>()?;
        Ok((cluster(threads, 0, addresses), others))
    }
}

fn cluster(threads: usize, process: usize, addresses: Vec<String>) -> timely::Config {
    let (report, zerocopy) = (false, false);
    let communication =
        CommunicationConfig::Cluster { threads, process, addresses, report, zerocopy };
    timely::Config { communication, worker: WorkerConfig::default() }
}

/// One of the other processes of a cluster, started by an experiment
#[derive(Debug, clap::Args)]
pub(crate) struct Follow {
    /// The database
    #[arg(long)]
    url: String,

    /// Which of the processes this is, from 0 on
    #[arg(long)]
    process: usize,

    /// Threads of each process that judge
    #[arg(long)]
    pub(crate) workers: usize,

    /// Of all processes
    addresses: Vec<String>,
}

impl Follow {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let (clock, config) = (Clock::system(), Config::default());
        let lane = connections(&self.url)?.lane;
        let job = Job {
            config: config.job(),
            stores: PerLane::from_fn(|of| Arc::new(lane[of].clone()) as Arc<_>),
            sinks: PerLane::from_fn(|of| {
                let sink = Postgres::new(lane[of].clone(), clock.clone());
                Arc::new(sink.copying_from(COPY_FINDINGS_MIN)) as Arc<dyn Sink>
            }),
            checks: checks::ALL,
            policy: Arc::new(config.checks.clone()),
            dispatcher: Arc::default(),
            feed: Feed::default(),
            stop: Stop::default(),
            shape: Arc::default(),
            telemetry: Telemetry::default(),
        };
        let workers = cluster(self.workers, self.process, self.addresses);
        let runtime = Handle::current();
        match tokio::task::spawn_blocking(move || run(workers, &runtime, clock, job)).await? {
            // As it should be: the first process does.
            Ok(_) | Err(JobError::NoScheduler) => Ok(()),
            Err(err) => Err(err.into()),
        }
    }
}

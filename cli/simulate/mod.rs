//! `scanflow simulate`.

use std::io::{ErrorKind, IsTerminal};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};
use scanflow::clock::Clock;
use scanflow::simulate::{Report, Scenario, Size, SoFar, Stage, simulate};
use scanflow::telemetry::resident_bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::context::Context;
use crate::exit::{Exit, Failure};

mod plot;
mod print;

const SCENARIOS: [(&str, &str); 9] = [
    ("steady", include_str!("../../bench/scenarios/steady.toml")),
    ("herd", include_str!("../../bench/scenarios/herd.toml")),
    ("cadence", include_str!("../../bench/scenarios/cadence.toml")),
    ("newcomers", include_str!("../../bench/scenarios/newcomers.toml")),
    ("giant", include_str!("../../bench/scenarios/giant.toml")),
    ("slow_sinks", include_str!("../../bench/scenarios/slow_sinks.toml")),
    ("down", include_str!("../../bench/scenarios/down.toml")),
    ("clock_steps", include_str!("../../bench/scenarios/clock_steps.toml")),
    ("story", include_str!("../../bench/scenarios/story.toml")),
];

/// Run the scheduler in virtual time, a week in a minute
///
/// The scheduler is that of `run`; what it emits is durable a few seconds later. Nothing is read or
/// written but the scenario and the picture. Counts in scenarios are those of 60,000,000 assets, and
/// shrink with the fleet.
#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// steady, herd, cadence, newcomers, giant, slow_sinks, down, clock_steps or story; or a file of
    /// your own
    scenario: String,

    /// The fleet at the start
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000_000,
        value_parser = value_parser!(u64).range(1..=500_000_000)
    )]
    assets: u64,

    /// How long it is. Default: as the scenario says
    #[arg(long, value_name = "D", value_parser = value_parser!(u32).range(1..=366))]
    days: Option<u32>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Draw the scans a minute into this file, and those of a scheduler that emits all that is due
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// What a run came to, and what it took.
#[derive(Debug)]
struct Simulated {
    scenario: String,
    about: String,
    report: Report,
    took: Duration,
    rss_max_bytes: u64,
}

impl Simulate {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let (name, scenario) = read(&self.scenario)?;
        let size = Size { assets: self.assets, days: self.days.unwrap_or(scenario.days) };
        let (clock, about) = (Clock::system(), scenario.about.clone());
        let began = clock.now();
        let bar = Bar::new();
        let done = context.block_on(run(scenario, size, &bar));
        bar.0.finish_and_clear();
        let (report, rss_max_bytes) = done?;
        let took = clock.now().since(began);
        let simulated = Simulated { scenario: name, about, report, took, rss_max_bytes };
        if let Some(path) = &self.plot {
            plot::draw(path, &simulated)?;
        }
        if self.json {
            print::json(&simulated)?
        } else {
            print::table(&simulated, context)?
        }
        Ok(Exit::Done)
    }
}

/// One of ours by its name, or else a file, which is named by what it is called without its ending.
fn read(named: &str) -> Result<(String, Scenario), Failure> {
    let path = Path::new(named);
    let (name, text) = match SCENARIOS.iter().find(|(name, _)| *name == named) {
        Some((name, text)) => ((*name).to_owned(), (*text).to_owned()),
        None => {
            let text = std::fs::read_to_string(path).map_err(|err| missing(named, err))?;
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            (stem.to_string_lossy().into_owned(), text)
        }
    };
    let scenario = Scenario::parse(&text).with_context(|| named.to_owned());
    Ok((name, scenario.map_err(|err| Failure::new(Exit::BadInput, err))?))
}

fn missing(named: &str, err: std::io::Error) -> Failure {
    let names = SCENARIOS.map(|(name, _)| name).join(", ");
    match err.kind() {
        ErrorKind::NotFound => {
            Failure::usage(format!("no file and no scenario is called {named}; there are {names}"))
        }
        _ => Failure::new(Exit::Failed, anyhow::Error::new(err).context(named.to_owned())),
    }
}

/// Simulates on a thread of its own. When this is dropped, as by a signal, that one ends.
async fn run(scenario: Scenario, size: Size, bar: &Bar) -> Result<(Report, u64), Failure> {
    let (sender, mut so_far) = mpsc::channel(16);
    let running = spawn_blocking(move || {
        let mut rss_max_bytes = 0;
        let report = simulate(&scenario, size, &mut |so_far| {
            rss_max_bytes = resident_bytes().unwrap_or_default().max(rss_max_bytes);
            let is_wanted = sender.blocking_send(so_far).is_ok();
            if is_wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        report.map(|report| (report, rss_max_bytes))
    });
    while let Some(so_far) = so_far.recv().await {
        bar.show(so_far);
    }
    Ok(running
        .await
        .context("the simulation failed")
        .map_err(|err| Failure::new(Exit::Failed, err))??)
}

/// How far it is, for people at a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Bar {
        if !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg:10} {wide_bar} {percent:>3} %  {eta}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Bar(ProgressBar::new(1).with_style(style))
    }

    fn show(&self, SoFar { stage, done, of }: SoFar) {
        let message = match stage {
            Stage::Filling => "fleet",
            Stage::Running => "time",
        };
        self.0.set_message(message);
        self.0.set_length(of);
        self.0.set_position(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_one_and_begins_with_a_line_about_itself() {
        for (name, text) in SCENARIOS {
            assert!(text.starts_with("# "), "{name}");
            read(name).unwrap_or_else(|failure| panic!("{name}: {:#}", failure.error));
        }
    }
}

//! Which operators the dataflows have and what leads where, as timely's own log tells it while they
//! are built: nothing here repeats what `scan.rs` and `control.rs` say.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use scanflow::checks;
use scanflow::clock::Clock;
use scanflow::config::JobConfig;
use scanflow::model::PerLane;
use scanflow::operators::Feed;
use scanflow::schedule::{Agenda, Cadences, Dispatcher, Ending, Limits, Orders, Rate, Settings};
use scanflow::stop::Stop;
use scanflow::telemetry::Telemetry;
use scanflow::{sinks, store};
use serde::{Deserialize, Serialize};
use timely::logging::{TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

use crate::{HOME, Job};

/// What timely brings to lead streams on, under the names that it gives. An operator that is not
/// listed here is shown.
const PLUMBING: [&str; 6] = ["Concatenate", "Exchange", "Feedback", "FlatMap", "Map", "OkErr"];

/// The dataflows of a job, on one worker: all workers build the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub dataflows: Vec<Dataflow>,
}

/// Operators by their number in the dataflow, and what leads from one to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataflow {
    pub name: String,
    pub operators: BTreeMap<usize, String>,
    pub channels: BTreeSet<Channel>,
}

/// From an output to an input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Channel {
    pub from: Port,
    pub to: Port,
    /// The type of one element, without the paths of its parts.
    pub carries: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    pub operator: usize,
    pub port: usize,
}

impl Shape {
    /// Of the job that would be run with these settings. It is built, and dropped before its first
    /// step: nothing is asked of a database.
    ///
    /// # Errors
    /// If there is no runtime for the operators to hold.
    pub fn planned(config: &JobConfig) -> std::io::Result<Shape> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (handle, clock, job) = (runtime.handle().clone(), Clock::system(), dry(config));
        Ok(timely::execute_directly(move |worker| {
            let (_installed, _source) = crate::build(worker, &handle, &clock, &job);
            for index in worker.installed_dataflows() {
                worker.drop_dataflow(index);
            }
            job.shape.get().cloned().expect("the worker that schedules records it")
        }))
    }

    /// Without timely's plumbing: what it leads on is led there at once.
    pub fn without_plumbing(&self) -> Shape {
        Shape { dataflows: self.dataflows.iter().map(Dataflow::without_plumbing).collect() }
    }
}

impl Dataflow {
    fn without_plumbing(&self) -> Dataflow {
        let is_plumbing = |number: usize| PLUMBING.contains(&self.operators[&number].as_str());
        let mut channels = BTreeSet::new();
        for first in self.channels.iter().filter(|first| !is_plumbing(first.from.operator)) {
            let (mut ahead, mut seen) = (vec![first], BTreeSet::new());
            while let Some(channel) = ahead.pop() {
                if !is_plumbing(channel.to.operator) {
                    channels.insert(Channel { from: first.from, ..channel.clone() });
                } else if seen.insert(channel.to.operator) {
                    ahead.extend(
                        self.channels
                            .iter()
                            .filter(|next| next.from.operator == channel.to.operator),
                    );
                }
            }
        }
        let shown = self.operators.iter().filter(|(number, _)| !is_plumbing(**number));
        let operators = shown.map(|(number, name)| (*number, name.clone())).collect();
        Dataflow { name: self.name.clone(), operators, channels }
    }
}

/// Builds dataflows and reads their shape from what timely logs meanwhile.
///
/// timely gives each operator its log for life, so that of the worker goes on; a few tens of
/// nanoseconds an event, for nobody.
pub(crate) fn recorded<R>(worker: &mut Worker, build: impl FnOnce(&mut Worker) -> R) -> (R, Shape) {
    const LOG: &str = "timely";
    let events: Rc<RefCell<Option<Vec<TimelyEvent>>>> = Rc::new(RefCell::new(Some(Vec::new())));
    let seen = Rc::clone(&events);
    if let Some(mut log) = worker.log_register() {
        log.insert::<TimelyEventBuilder, _>(LOG, move |_time, batch| {
            let Some(batch) = batch else { return };
            match seen.borrow_mut().as_mut() {
                Some(seen) => seen.extend(batch.drain(..).map(|(_, event)| event)),
                None => batch.clear(),
            }
        });
    }
    let built = build(worker);
    if let Some(mut log) = worker.log_register() {
        log.flush();
        log.remove(LOG);
    }
    let events = events.borrow_mut().take().unwrap_or_default();
    (built, read(&events))
}

/// An address is the dataflow, then the operator. No graph has a scope within a scope.
fn read(events: &[TimelyEvent]) -> Shape {
    let mut dataflows: BTreeMap<usize, Dataflow> = BTreeMap::new();
    for event in events {
        match event {
            TimelyEvent::Operates(operator) => match operator.addr[..] {
                [dataflow] => {
                    dataflows.entry(dataflow).or_default().name.clone_from(&operator.name);
                }
                [dataflow, number] => {
                    let operators = &mut dataflows.entry(dataflow).or_default().operators;
                    operators.insert(number, operator.name.clone());
                }
                _ => {}
            },
            TimelyEvent::Channels(channel) => {
                if let [dataflow] = channel.scope_addr[..] {
                    let port = |(operator, port)| Port { operator, port };
                    let (from, to) = (port(channel.source), port(channel.target));
                    let carries = element(&channel.typ);
                    let channels = &mut dataflows.entry(dataflow).or_default().channels;
                    channels.insert(Channel { from, to, carries });
                }
            }
            _ => {}
        }
    }
    Shape { dataflows: dataflows.into_values().collect() }
}

/// Of `alloc::vec::Vec<(a::Ticket, b::ScanEvent)>`: `(Ticket, ScanEvent)`.
fn element(container: &str) -> String {
    let mut short = String::new();
    for part in container.split_inclusive(|c: char| !c.is_alphanumeric() && !"_:".contains(c)) {
        short += part.rsplit("::").next().unwrap_or(part);
    }
    let inner = short.strip_prefix("Vec<").and_then(|rest| rest.strip_suffix('>'));
    inner.map(str::to_owned).unwrap_or(short)
}

/// A job that nobody steps, so nothing is asked of its stores and sinks.
fn dry(config: &JobConfig) -> Job {
    let settings = Settings {
        owner: HOME as u64,
        credits: PerLane::from_fn(|lane| config.lane[lane].credits),
        ending: Ending::Once,
        rate: Rate::Max,
        buffer: 1.0,
        requests_per_second: 1.0,
        sequence_start: 0,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    let now = Clock::system().now();
    let agenda = Agenda::new(Cadences::default(), config.lanes, now);
    let dispatcher = Dispatcher::new(settings, agenda, now);
    Job {
        config: config.clone(),
        stores: PerLane::from_fn(|_| Arc::new(store::memory::Memory::default()) as Arc<_>),
        sinks: PerLane::from_fn(|_| Arc::new(sinks::memory::Memory::default()) as Arc<_>),
        checks: checks::ALL,
        policy: Arc::default(),
        dispatcher: Arc::new(Mutex::new(Some(dispatcher))),
        feed: Feed::default(),
        stop: Stop::default(),
        shape: Arc::default(),
        telemetry: Telemetry::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_an_element_is_short() {
        let element_of = [
            ("alloc::vec::Vec<scanflow::operators::beat::Beat>", "Beat"),
            (
                "alloc::vec::Vec<(a::b::Ticket, core::result::Result<c::D, u64>)>",
                "(Ticket, Result<D, u64>)",
            ),
            ("other::Container", "Container"),
        ];
        for (container, expected) in element_of {
            assert_eq!(element(container), expected);
        }
    }

    #[test]
    fn what_plumbing_leads_on_is_led_there_at_once() {
        let port = |(operator, port)| Port { operator, port };
        let channel = |from, to, carries: &str| Channel {
            from: port(from),
            to: port(to),
            carries: carries.to_owned(),
        };
        let names = ["source", "OkErr", "Concatenate", "Feedback", "sink"];
        let logged = Dataflow {
            name: "test".to_owned(),
            operators: (1..).zip(names.map(str::to_owned)).collect(),
            channels: BTreeSet::from([
                channel((1, 0), (2, 0), "A"),
                channel((2, 0), (5, 0), "B"),
                channel((2, 1), (3, 1), "C"),
                channel((3, 0), (4, 0), "C"),
                channel((4, 0), (1, 0), "C"),
            ]),
        };
        let shown = logged.without_plumbing();
        assert_eq!(shown.operators.into_values().collect::<Vec<_>>(), ["source", "sink"]);
        let channels = [channel((1, 0), (1, 0), "C"), channel((1, 0), (5, 0), "B")];
        assert_eq!(shown.channels, BTreeSet::from(channels));
    }
}

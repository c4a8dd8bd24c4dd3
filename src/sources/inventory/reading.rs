//! Readings on threads of their own: parsing takes a processor, not the time of others.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::read;
use super::walk::Source;
use super::{Event, Options, Report};
use crate::inventory::{ContentHash, Problem, RecordSet, Selection, Survey, Surveyed};

/// What waits between a reading and the writer.
const EVENTS_MAX: usize = 64;
const BATCHES_MAX: usize = 2;

/// A first reading under way.
pub(super) struct Surveying {
    events: mpsc::Receiver<Vec<Event>>,
    task: JoinHandle<(Source, Surveyed)>,
}

/// Begins the first reading of a source.
pub(super) fn survey(source: Source, options: &Options) -> Surveying {
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let mut survey = Survey::new(options.cadences.clone(), options.records_partial);
    let task = spawn_blocking(move || {
        // Nobody listens any more when the import has failed.
        let send = |problems: Vec<Problem>, remarks: Vec<Problem>, lines| {
            let remarks = remarks.into_iter().map(Event::Skipped);
            let mut events: Vec<Event> = problems.into_iter().map(Event::Problem).collect();
            events.extend(remarks);
            events.push(Event::Read { source: source.name.clone(), lines });
            drop(sender.blocking_send(events));
        };
        read::everything(&source, &mut survey, &mut |survey: &mut Survey, lines| {
            send(survey.take_problems(), survey.take_remarks(), lines);
        });
        let remarks = survey.take_remarks();
        let (surveyed, problems) = survey.finish();
        send(problems, remarks, 0);
        (source, surveyed)
    });
    Surveying { events, task }
}

impl Surveying {
    /// Waits for the end and passes on what happens until then.
    pub(super) async fn join(
        mut self,
        report: &mut Report,
        on_event: &mut (dyn FnMut(Event) + Send),
    ) -> (Source, Surveyed) {
        while let Some(events) = self.events.recv().await {
            for event in events {
                report.problems += u64::from(matches!(event, Event::Problem(_)));
                on_event(event);
            }
        }
        joined(self.task.await)
    }
}

/// A second reading under way.
pub(super) struct Selecting {
    pub(super) batches: mpsc::Receiver<Vec<RecordSet>>,
    task: JoinHandle<Vec<String>>,
}

/// Begins the second reading of a source, for the zones that are chosen, with the hashes of their
/// record sets in the first one.
pub(super) fn select(source: Source, chosen: HashMap<String, ContentHash>) -> Selecting {
    let (sender, batches) = mpsc::channel(BATCHES_MAX);
    let task = spawn_blocking(move || {
        let mut selection = Selection::new(chosen, |batch| sender.blocking_send(batch).is_ok());
        read::records(&source, &mut selection, &mut |_, _| {});
        selection.finish()
    });
    Selecting { batches, task }
}

impl Selecting {
    /// The zones whose record sets did not come.
    pub(super) async fn missing(self) -> Vec<String> {
        joined(self.task.await)
    }
}

/// A panic of a reading goes on in who waits for it.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(err) => std::panic::resume_unwind(err.into_panic()),
    }
}

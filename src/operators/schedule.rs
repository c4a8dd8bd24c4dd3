//! Emits scans when they are due and credits allow; takes their tickets back.
//!
//! ```text
//!  acks fast --Exchange(owner)--> [schedule] --> (ticket, event)
//!  acks slow --Exchange(owner)-->
//! ```
//! The acks are inputs that no output depends on, so a `feedback(0)` closes no cycle of times. One
//! a lane, so that no stream joins the lanes again.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};
use timely::progress::operate::FrontierInterest;
use timely::scheduling::Activator;

use super::alarm::Alarm;
use super::emit::Output;
use super::feed::Feed;
use super::loading::Loading;
use crate::clock::Clock;
use crate::model::{Epoch, Lane, PerLane, ScanEvent, Ticket, UnixTime};
use crate::schedule::{Dispatcher, Held, HeldBack, Load};
use crate::telemetry::{self, SourceMeter};

/// How often the rate is set anew, memory is looked at, and the feed is told how the run goes.
const PACE: Duration = Duration::from_millis(500);

/// What the source shares with the rest of its worker.
#[expect(missing_debug_implementations, reason = "activators have none")]
pub struct Source {
    pub dispatcher: RefCell<Dispatcher>,
    feed: Feed,
    loading: Loading,
    meter: SourceMeter,
    activator: OnceCell<Activator>,
}

impl Source {
    pub fn new(dispatcher: Dispatcher, feed: Feed, meter: SourceMeter) -> Rc<Source> {
        let (dispatcher, activator) = (RefCell::new(dispatcher), OnceCell::new());
        let loading = feed.loading();
        Rc::new(Source { dispatcher, feed, loading, meter, activator })
    }

    /// Schedules the operator, to see what has changed in the dispatcher.
    pub fn wake(&self) {
        if let Some(activator) = self.activator.get() {
            activator.activate();
        }
    }
}

/// `source` is None on every worker but one.
///
/// Promise: an event is out exactly as long as its ticket is open. One capability is held, and
/// follows the clock also while credits are out, so that downstream epochs close; it is given up
/// when the dispatcher says that the run is over.
pub fn schedule<'s>(
    scope: Scope<'s, Epoch>,
    epoch: Duration,
    clock: Clock,
    source: Option<Rc<Source>>,
    acks: PerLane<StreamVec<'s, Epoch, Ticket>>,
) -> StreamVec<'s, Epoch, (Ticket, ScanEvent)> {
    let mut builder = OperatorBuilder::new("schedule".to_owned(), scope);
    let address = builder.operator_info().address;
    let activator = scope.activator_for(address.clone());
    if let Some(source) = &source {
        source.feed.wake(scope.worker().sync_activator_for(address.to_vec()));
        let _ = source.activator.set(activator.clone());
    }
    // The output is made first: it would be connected to any input that exists already.
    let (output, events) = builder.new_output();
    let mut output = Output::from(output);
    let mut acks = [(Lane::Fast, acks.fast), (Lane::Slow, acks.slow)].map(|(lane, acks)| {
        let owner = Exchange::new(|ticket: &Ticket| ticket.owner);
        (lane, builder.new_input_connection(acks, owner, []))
    });
    (0..acks.len()).for_each(|input| builder.set_notify_for(input, FrontierInterest::Never));

    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop().filter(|_| source.is_some());
        let mut alarm = Alarm::new(activator);
        let mut told_at: Option<UnixTime> = None;
        let mut held_back: Vec<(Lane, Held, UnixTime)> = Vec::new();
        let mut without_credits = Duration::ZERO;
        move |_frontiers| {
            let Some(source) = source.as_ref() else {
                for (_, acks) in &mut acks {
                    acks.for_each(|_, _| unreachable!("tickets return to their owner"));
                }
                return;
            };
            let now = clock.now();
            let mut dispatcher = source.dispatcher.borrow_mut();
            let Source { feed, loading, meter, .. } = &**source;
            feed.deliver(&mut dispatcher, now);
            for (lane, Held { reason, is_new }, since) in held_back.drain(..) {
                meter.held_back(lane, reason, now.since(since));
                // New ones always go as far as credits allow, and a zone of the slow lane may take all of its
                // for long.
                if lane == Lane::Fast && reason == HeldBack::Credits && !is_new {
                    without_credits += now.since(since);
                }
            }
            for (lane, acks) in &mut acks {
                acks.for_each(|_, tickets| {
                    dispatcher.release_all(tickets, now, |ticket, released| {
                        meter.released(*lane, ticket, &released, now);
                    });
                    tickets.clear();
                });
            }
            let tells = told_at.is_none_or(|at| PACE <= now.since(at));
            if tells {
                told_at = Some(now);
                dispatcher.uses_memory(telemetry::resident_bytes());
                let load = Load { without_credits, ..feed.pressure().take() };
                without_credits = Duration::ZERO;
                dispatcher.hear(&load, now);
                dispatcher.pace(now);
            }
            if let Some(held) = capability.as_mut() {
                held.downgrade(&now.epoch(epoch).max(*held.time()));
                let mut output = output.activate();
                let mut session = output.session(&*held);
                let events = std::iter::from_fn(|| dispatcher.next(now));
                session.give_iterator(events.inspect(|(ticket, _)| loading.emitted(ticket)));
                // What is due but not out waits for credits, and those come with a ticket.
                let waits =
                    Lane::ALL.into_iter().filter_map(|lane| dispatcher.until_next(lane, now));
                let next = waits.filter(|wait| !wait.is_zero()).min();
                alarm.ring_within(next.map_or(epoch, |wait| wait.min(epoch)), now);
                let reason = |lane| Some((lane, dispatcher.held_back(lane, now)?, now));
                held_back.extend(Lane::ALL.into_iter().filter_map(reason));
            }
            feed.answer(dispatcher.answers());
            let is_over = dispatcher.is_over();
            if is_over || tells {
                feed.report(dispatcher.progress());
                meter.emitted(dispatcher.stats().emitted, now);
            }
            if is_over {
                capability = None;
            }
        }
    });
    events
}

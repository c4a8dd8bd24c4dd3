//! Shows that a worker lives, and hears whether the job goes on.
//!
//! ```text
//!  orders --> [beat] --> Beat, once a second and when a stop is requested
//! ```
//! A peer that is stopped or cut off makes no error in timely: progress merely stands. The control
//! frontier needs a beat of every worker, so that its standing still tells. The epochs of a lane
//! would not do: a scan may rightly last an hour.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};
use timely::progress::operate::FrontierInterest;
use timely::scheduling::Activator;

use super::alarm::Alarm;
use super::emit::Output;
use super::schedule::Source;
use crate::clock::Clock;
use crate::model::{Epoch, UnixTime};
use crate::stop::Stop;
use crate::telemetry::WorkerPulse;

const SECOND: Duration = Duration::from_secs(1);

/// One worker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    pub stop_requested: bool,
}

/// What `judge` tells all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    Run,
    /// The source gives back what it has not emitted, and ends.
    Drain,
}

/// What the control dataflow and the loop of one worker tell each other.
#[expect(missing_debug_implementations, reason = "activators have none")]
pub struct Control {
    pulse: WorkerPulse,
    draining_since: Cell<Option<UnixTime>>,
    scan_is_gone: Cell<bool>,
    beat: OnceCell<Activator>,
}

impl Control {
    pub fn new(pulse: WorkerPulse) -> Control {
        let (draining_since, scan_is_gone) = (Cell::default(), Cell::default());
        Control { pulse, draining_since, scan_is_gone, beat: OnceCell::new() }
    }

    /// When the order to drain was heard.
    pub fn draining_since(&self) -> Option<UnixTime> {
        self.draining_since.get()
    }

    /// Lets the control dataflow end after the scan.
    pub fn scan_is_gone(&self) {
        if !self.scan_is_gone.replace(true)
            && let Some(beat) = self.beat.get()
        {
            beat.activate();
        }
    }
}

/// Promise: a stop requested on any worker drains the source wherever it is; a frontier that
/// stands for `timeout` ends the process.
pub fn beat<'s>(
    scope: Scope<'s, Epoch>,
    clock: Clock,
    timeout: Duration,
    stop: &Stop,
    control: Rc<Control>,
    source: Option<Rc<Source>>,
    orders: StreamVec<'s, Epoch, Order>,
) -> StreamVec<'s, Epoch, Beat> {
    let mut builder = OperatorBuilder::new("beat".to_owned(), scope);
    let info = builder.operator_info();
    stop.wake(scope.worker().sync_activator_for(info.address.to_vec()));
    let activator = scope.activator_for(info.address);
    let _ = control.beat.set(activator.clone());
    let (output, beats) = builder.new_output();
    let mut output = Output::from(output);
    let mut orders = builder.new_input_connection(orders, Pipeline, []);
    builder.set_notify_for(0, FrontierInterest::Always);
    let stop = stop.clone();

    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop();
        let mut alarm = Alarm::new(activator);
        let mut told_to_stop = false;
        let (mut frontier, mut moved_at) = (None, clock.now());
        move |frontiers| {
            let now = clock.now();
            control.pulse.beat(now);
            orders.for_each(|_, orders| {
                if orders.drain(..).any(|order| order == Order::Drain)
                    && control.draining_since.get().is_none()
                {
                    control.draining_since.set(Some(now));
                    drain(source.as_deref(), now);
                }
            });
            if control.scan_is_gone.get() {
                capability = None;
            }
            let Some(held) = capability.as_mut() else { return };

            let reached = frontiers[0].frontier().first().copied();
            if reached != frontier {
                (frontier, moved_at) = (reached, now);
            }
            let silence = now.since(moved_at);
            assert!(silence < timeout, "no heartbeat of some worker for {silence:?}: leaving");

            let second = now.epoch(SECOND);
            let stop_requested = stop.is_requested();
            if *held.time() < second || stop_requested != told_to_stop {
                held.downgrade(&second.max(*held.time()));
                output.activate().session(&*held).give(Beat { stop_requested });
                told_to_stop = stop_requested;
            }
            alarm.ring_within(SECOND, now);
        }
    });
    beats
}

fn drain(source: Option<&Source>, now: UnixTime) {
    if let Some(source) = source {
        let given_back = source.dispatcher.borrow_mut().drain(now);
        tracing::info!(given_back, "draining");
        source.wake();
    }
}

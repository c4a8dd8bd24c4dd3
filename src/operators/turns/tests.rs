//! What the lanes leave each other.

use std::sync::Arc;

use timely::dataflow::InputHandle;
use timely::dataflow::operators::Inspect;

use super::*;
use crate::checks;
use crate::clock::ManualClock;
use crate::model::{Epoch, Lane, OwnerRange};
use crate::operators::load::tests::{Gate, event, settle};
use crate::operators::{Attempt, LoadLimits, Loading, Part, RangeLimits, Reader, load, load_range};
use crate::telemetry::Telemetry;

const MS: Duration = Duration::from_millis(1);
const START: UnixTime = UnixTime::from_micros(1_000_000);

#[test]
fn slow_work_pauses_only_while_the_fast_lane_has_work() {
    let turns = Turns::new(MS, 0.25);
    turns.slow_worked(2 * MS, START);
    assert_eq!(turns.slow_waits(START), Duration::ZERO);
    turns.fast_works(START);
    let mut now = START + 2 * MS;
    turns.slow_worked(2 * MS, now);
    assert_eq!(turns.slow_waits(now), 6 * MS);
    now = now + 6 * MS;
    assert_eq!(turns.slow_waits(now), Duration::ZERO);
    let pause = |took, now| Some(turns.rest(turns.slow_pause(took, 2, now)?, now));
    assert_eq!(pause(2 * MS, now), Some(14 * MS));
    let after_an_outage = Duration::from_secs(600);
    assert_eq!(pause(after_an_outage, now), Some(Duration::from_secs(7)));
    now = START + FAST_AT_WORK + 2 * MS;
    assert_eq!(pause(2 * MS, now), None);
    turns.slow_worked(2 * MS, now);
    assert_eq!(turns.slow_waits(now), Duration::ZERO);
}

fn part(asset: i64) -> Part {
    let (ticket, event) = event(asset, 1);
    Part {
        ticket,
        event,
        home: 0,
        plan: None,
        owners: OwnerRange::default(),
        weight: 1,
        number: 0,
        of: 1,
        attempt: Attempt::Whole,
        is_skipped: false,
    }
}

#[test]
fn a_slow_query_begins_when_the_fast_lane_has_read_or_after_twice_its_pause() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    timely::execute_directly(move |worker| {
        let (clock, turns) = (ManualClock::at(START), Turns::new(MS, 0.5));
        let (telemetry, gate) = (Telemetry::default(), Arc::new(Gate::default()));
        let (mut fast, mut slow) = (InputHandle::new(), InputHandle::new());
        let read = Rc::new(Cell::new(0));
        worker.dataflow::<Epoch, _, _>(|scope| {
            let reader = Reader { store: gate.clone(), checks: checks::ALL };
            let limits = LoadLimits { assets_max: 1, weight_max: 100 };
            let (events, meter) =
                (fast.to_stream(scope), telemetry.lane(Lane::Fast, clock.clock()));
            let loading = Loading::default();
            load(events, meter, &handle, reader.clone(), loading, limits, turns.clone());
            let (parts, meter) = (slow.to_stream(scope), telemetry.lane(Lane::Slow, clock.clock()));
            let limits = RangeLimits { load: limits, shard_records: 100 };
            let read = Rc::clone(&read);
            load_range(parts, meter, &handle, reader, limits, turns.clone())
                .inspect(move |_| read.set(read.get() + 1));
        });
        let mut step = || {
            (0..10).for_each(|_| {
                worker.step();
            });
        };
        let fly = || {
            settle(&handle);
            gate.land();
            settle(&handle);
        };

        slow.send(part(0));
        slow.send(part(1));
        slow.flush();
        turns.fast_works(START);
        step();
        clock.advance(10 * MS);
        fly();
        step();
        assert_eq!(read.get(), 1, "the next one after a pause of 10 ms");

        clock.advance(5 * MS);
        fast.send(event(9, 1));
        fast.flush();
        step();
        clock.advance(10 * MS);
        slow.send(part(2)); // schedules it
        slow.flush();
        step();
        fly();
        step();
        assert_eq!(read.get(), 1, "the fast lane read until now, and now it begins");
        clock.advance(10 * MS);
        fly();
        step();
        assert_eq!(read.get(), 2);

        // Again after 10 ms, but the fast lane reads all the time.
        fast.send(event(9, 1));
        fast.flush();
        step();
        clock.advance(20 * MS);
        slow.send(part(3));
        slow.flush();
        step();
        fly();
        step();
        assert_eq!(read.get(), 3);

        while read.get() < 4 {
            clock.advance(10 * MS);
            fly();
            step();
        }
        fast.close();
        slow.close();
    });
}

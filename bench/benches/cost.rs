//! What it costs to predict a scan and to choose its lane: `cargo bench -p scanflow-bench --bench cost`.
//!
//! The limit is 100 ns an event, [`LIMIT_NS`]; a longer median ends the program with 1.

use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use scanflow::clock::Clock;
use scanflow::lanes::{CostModel, Expected, Lanes};
use scanflow::model::{CostClass, Spent};

const LIMIT_NS: f64 = 100.0;
/// Of so many sizes and histories, in turns: neither is known to the compiler, or to the branch predictor.
const EVENTS: usize = 4_096;

fn events(has_history: bool) -> Vec<Expected> {
    let event = |n: usize| {
        let records = n.wrapping_mul(2_654_435_761) as u64 % 5_000;
        let history = if has_history && !n.is_multiple_of(8) {
            CostClass::of_us(30.0 + 4.0 * records as f64)
        } else {
            CostClass::NONE
        };
        Expected { records, probes: u32::from(n.is_multiple_of(64)), history }
    };
    (0..EVENTS).map(event).collect()
}

/// Median nanoseconds of one call, over batches of all events.
fn median_ns(mut each: impl FnMut(usize)) -> f64 {
    let clock = Clock::system();
    let mut batches: Vec<f64> = (0..301)
        .map(|_| {
            let begun = clock.now();
            (0..EVENTS).for_each(&mut each);
            clock.now().since(begun).as_nanos() as f64 / EVENTS as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let (mut model, border) = (CostModel::default(), Lanes::default().border());
    let mut medians = Vec::new();
    for (name, has_history) in [("without history", false), ("with history", true)] {
        let events = events(has_history);
        let each = |n: usize| {
            let expected = black_box(events[n % EVENTS]);
            let cost = model.predict(expected);
            black_box((border.choose(cost.time.as_secs_f64() * 1e6, expected.probes), cost));
        };
        let mut n = 0;
        criterion.bench_function(&format!("predict and choose, {name}"), |bencher| {
            bencher.iter(|| {
                n += 1;
                each(n);
            });
        });
        medians.push((name, median_ns(each)));
    }
    let (events, spent) = (events(true), Spent { load_us: 90, check_us: 40, write_us: 60 });
    let mut learn = |n: usize| {
        let expected = black_box(events[n % EVENTS]);
        let prior_us = model.prior_us(expected.records, expected.probes);
        model.observe(expected, black_box(spent));
        black_box(expected.history.after(spent.total_us(), prior_us));
    };
    let mut n = 0;
    criterion.bench_function("learn", |bencher| {
        bencher.iter(|| {
            n += 1;
            learn(n);
        });
    });
    medians.push(("learned", median_ns(learn)));

    let mut is_met = true;
    let mut out = std::io::stdout().lock();
    for (name, ns) in medians {
        let met = ns <= LIMIT_NS;
        is_met &= met;
        let mark = if met { "met" } else { "NOT MET" };
        let line = format!("an event {name}: {ns:.1} ns, limit {LIMIT_NS} ns: {mark}");
        if writeln!(out, "{line}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

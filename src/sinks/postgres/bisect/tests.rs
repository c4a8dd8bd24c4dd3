//! Halving and parking without a server.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::*;
use crate::model::{ConfigVersion, Fence, Outcome, Scan, ScanSequence, UnixTime};

/// Fails for some assets, as often as it is told.
#[derive(Default)]
struct Faulty {
    /// Asset, what its batches fail for, and how often.
    faults: Vec<(i64, Fault, u32)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: Vec<u32>,
    statements: usize,
    done: BTreeSet<i64>,
    parked: BTreeSet<i64>,
    pauses: Vec<Duration>,
}

#[async_trait]
impl Target<Outcome> for Faulty {
    type Error = Fault;

    fn fault(err: &Fault) -> Fault {
        *err
    }

    fn asset(outcome: &Outcome) -> AssetId {
        outcome.scan.asset
    }

    async fn flush(&self, outcomes: &[&Outcome]) -> Result<Vec<Flushed>, Fault> {
        let mut state = self.state.lock().unwrap();
        state.failures.resize(self.faults.len(), 0);
        state.statements += 1;
        assert!(outcomes.is_sorted_by_key(|outcome| outcome.scan.asset));
        for (number, (asset, fault, times)) in self.faults.iter().enumerate() {
            let is_in = outcomes.iter().any(|outcome| outcome.scan.asset.0 == *asset);
            if is_in && state.failures[number] < *times {
                state.failures[number] += 1;
                return Err(*fault);
            }
        }
        let assets = outcomes.iter().map(|outcome| outcome.scan.asset.0);
        assets.for_each(|asset| assert!(state.done.insert(asset), "{asset} twice"));
        Ok(vec![Flushed::Done; outcomes.len()])
    }

    async fn park(&self, outcome: &Outcome, _cause: &Fault) -> Result<Flushed, Fault> {
        self.state.lock().unwrap().parked.insert(outcome.scan.asset.0);
        Ok(Flushed::Parked)
    }

    async fn pause(&self, length: Duration, cause: &Fault) {
        assert_eq!(*cause, Fault::Statement, "what is halved at once waits for nothing");
        self.state.lock().unwrap().pauses.push(length);
    }
}

/// Not in the order of their assets.
fn outcomes(assets: i64) -> Vec<Outcome> {
    let outcome = |asset| {
        let fence = Fence { config_version: ConfigVersion(1), sequence: ScanSequence(1) };
        let (scheduled_at, duration) = (UnixTime::from_micros(0), Duration::ZERO);
        let (asset, measured) = (AssetId(asset), None);
        let scan = Scan { asset, fence, scheduled_at, duration, records: 0, measured };
        Outcome::new(scan, Vec::new(), true)
    };
    (0..assets).rev().map(outcome).collect()
}

fn flush_into(faulty: &Faulty, assets: i64) -> Result<Vec<Flushed>, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(flush(faulty, &outcomes(assets)))
}

/// Results and targets agree: exactly these are parked, all others done.
fn assert_parked(faulty: &Faulty, assets: i64, flushed: &[Flushed], parked: &[i64]) {
    let state = faulty.state.lock().unwrap();
    assert_eq!(state.parked, parked.iter().copied().collect());
    let rest: BTreeSet<i64> = (0..assets).filter(|asset| !parked.contains(asset)).collect();
    assert_eq!(state.done, rest);
    for (flushed, asset) in flushed.iter().zip((0..assets).rev()) {
        let expected = if parked.contains(&asset) { Flushed::Parked } else { Flushed::Done };
        assert_eq!(*flushed, expected, "{asset}");
    }
}

#[test]
fn one_and_three_poisoned_of_a_thousand_are_parked_alone_in_few_statements() {
    // Halving 1,000 ten times leaves one; on each level one half fails and the other passes.
    for (poisoned, statements_max) in [(&[617][..], 21), (&[0, 500, 999], 59), (&[1, 2, 3], 59)] {
        let faults = poisoned.iter().map(|asset| (*asset, Fault::Values, u32::MAX)).collect();
        let faulty = Faulty { faults, ..Faulty::default() };
        let flushed = flush_into(&faulty, 1_000).expect("nothing else fails");
        assert_parked(&faulty, 1_000, &flushed, poisoned);
        let state = faulty.state.lock().unwrap();
        assert!(state.statements <= statements_max, "{} for {poisoned:?}", state.statements);
        assert!(state.pauses.is_empty());
    }
}

#[test]
fn what_passes_at_the_third_try_is_not_halved() {
    let faulty = Faulty { faults: vec![(7, Fault::Statement, 2)], ..Faulty::default() };
    let flushed = flush_into(&faulty, 1_000).expect("it passes");
    assert_parked(&faulty, 1_000, &flushed, &[]);
    let state = faulty.state.lock().unwrap();
    assert_eq!((state.statements, state.pauses.len()), (3, 2));
}

#[test]
fn what_never_passes_is_parked_after_three_tries_alone_with_pauses() {
    let faulty = Faulty { faults: vec![(7, Fault::Statement, u32::MAX)], ..Faulty::default() };
    let flushed = flush_into(&faulty, 8).expect("the others pass");
    assert_parked(&faulty, 8, &flushed, &[7]);
    let state = faulty.state.lock().unwrap();
    // 8, 4 and 2 five times each, three halves that pass, three times alone, and once after all.
    assert_eq!((state.statements, state.pauses.len()), (22, 14));
    let alone = &state.pauses[12..];
    assert!(ALONE_PAUSE / 2 <= alone[0] && ALONE_PAUSE <= alone[1], "{alone:?}");
}

#[test]
fn what_passes_after_all_others_is_not_parked() {
    // Five times each with 7, 3 and 1 others, and three times alone.
    let faulty = Faulty { faults: vec![(7, Fault::Statement, 18)], ..Faulty::default() };
    let flushed = flush_into(&faulty, 8).expect("it passes at last");
    assert_parked(&faulty, 8, &flushed, &[]);
    assert_eq!(faulty.state.lock().unwrap().statements, 22);
}

#[test]
fn a_single_outcome_that_never_passes_is_parked() {
    let faulty = Faulty { faults: vec![(0, Fault::Statement, u32::MAX)], ..Faulty::default() };
    let flushed = flush_into(&faulty, 1).expect("parked");
    assert_parked(&faulty, 1, &flushed, &[0]);
    assert_eq!(faulty.state.lock().unwrap().statements, 3);
}

#[test]
fn what_is_in_the_way_of_all_parks_nothing() {
    let faults = (0..8).map(|asset| (asset, Fault::Statement, u32::MAX)).collect();
    let faulty = Faulty { faults, ..Faulty::default() };
    assert_eq!(flush_into(&faulty, 8), Err(Fault::Statement));
    assert!(faulty.state.lock().unwrap().parked.is_empty());
}

#[test]
fn a_lost_connection_and_a_wrong_set_up_end_the_flush_and_park_nothing() {
    for fault in [Fault::Connection, Fault::SetUp] {
        let faults = vec![(3, Fault::Values, u32::MAX), (900, fault, u32::MAX)];
        let faulty = Faulty { faults, ..Faulty::default() };
        assert_eq!(flush_into(&faulty, 1_000), Err(fault));
        assert!(faulty.state.lock().unwrap().parked.is_empty());
    }
}

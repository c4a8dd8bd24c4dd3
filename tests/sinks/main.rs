//! The contract of `Sink`: written cases and random histories, against every sink.
//!
//! To add a sink: an entry in [`candidates`]. It has to start empty each time.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Judged, Outcome, Scan, ScanSequence, Severity,
    UnixTime, Verdict,
};
use scanflow::sinks::memory::{InsightEvent, Memory};
use scanflow::sinks::{Flushed, InsightKey, LargeOutcome, Sink};
use tokio::runtime::Runtime;

mod calibration;
mod contract;
mod cut;
mod histories;
mod measured;
mod overlap;
mod parked;
mod postgres;
mod way;

/// Connections stay usable only on the runtime that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
});

/// A sink, and how to look into it. Assets are numbered from 1 to [`ASSETS_MAX`].
struct Candidate {
    name: &'static str,
    flush: Box<Flush>,
    open: Box<dyn Fn() -> BTreeMap<InsightKey, Finding>>,
    history: Box<dyn Fn() -> Vec<InsightEvent>>,
}

type Flush = dyn Fn(&[Outcome]) -> Vec<Flushed>;

const ASSETS_MAX: i64 = 9;

/// Each sink by each of its ways.
fn candidates() -> Vec<Candidate> {
    vec![
        memory("memory", held),
        memory("memory, spooled", spooled),
        postgres::candidate("postgres", usize::MAX, held),
        postgres::candidate("postgres, copied", 0, held),
        postgres::candidate("postgres, spooled", 0, spooled),
    ]
}

type Way = fn(&dyn Sink, &[Outcome]) -> Vec<Flushed>;

/// All outcomes in one flush.
fn held(sink: &dyn Sink, outcomes: &[Outcome]) -> Vec<Flushed> {
    RUNTIME.block_on(sink.flush(outcomes)).expect("a working sink")
}

/// Each outcome by itself, as a large one.
fn spooled(sink: &dyn Sink, outcomes: &[Outcome]) -> Vec<Flushed> {
    let flush = |outcome| {
        let large = LargeOutcome::of(outcome).expect("a disk");
        RUNTIME.block_on(sink.flush_large(&large)).expect("a working sink")
    };
    outcomes.iter().map(flush).collect()
}

fn memory(name: &'static str, way: Way) -> Candidate {
    let memory = Memory::default();
    let (open, history) = (memory.clone(), memory.clone());
    Candidate {
        name,
        flush: Box::new(move |outcomes| way(&memory, outcomes)),
        open: Box::new(move || open.open()),
        history: Box::new(move || history.history()),
    }
}

impl Candidate {
    fn flush(&self, outcomes: &[Outcome]) -> Vec<Flushed> {
        (self.flush)(outcomes)
    }

    /// `check subject` of each open finding, over all assets.
    fn open_keys(&self) -> Vec<String> {
        (self.open)().into_keys().map(|(_, check, subject)| format!("{check} {subject}")).collect()
    }
}

const CHECKS: [CheckId; 3] = [CheckId::new("t.a"), CheckId::new("t.b"), CheckId::new("t.c")];

/// The outcome of one scan that judged some of [`CHECKS`].
fn outcome(asset: i64, version: u64, sequence: u64, verdicts: &[(usize, Verdict)]) -> Outcome {
    let fence = Fence { config_version: ConfigVersion(version), sequence: ScanSequence(sequence) };
    let judged = verdicts.iter().map(|(check, verdict)| Judged {
        check: CHECKS[*check].clone(),
        version: 1,
        verdict: verdict.clone(),
    });
    let full = verdicts.len() == CHECKS.len();
    let scan = Scan {
        asset: AssetId(asset),
        fence,
        scheduled_at: UnixTime::from_micros(0),
        duration: Duration::ZERO,
        records: 0,
        measured: None,
    };
    Outcome::new(scan, judged.collect(), full)
}

fn finding(subject: &str, evidence: &str) -> Finding {
    Finding::new(subject, Severity::Medium, serde_json::json!({ "text": evidence }))
}

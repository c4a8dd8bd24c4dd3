//! The contract of `Sink`: written cases and random histories, against every sink.
//!
//! To add a sink: an entry in [`candidates`]. It has to start empty each time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Judged, Outcome, Scan, ScanSequence, Severity,
    UnixTime, Verdict,
};
use scanflow::sinks::memory::{InsightEvent, Memory};
use scanflow::sinks::{Flushed, InsightKey, Sink};

mod contract;
mod histories;

/// A sink, and how to look into it.
struct Candidate {
    name: &'static str,
    sink: Arc<dyn Sink>,
    open: Box<dyn Fn() -> BTreeMap<InsightKey, Finding>>,
    history: Box<dyn Fn() -> Vec<InsightEvent>>,
}

fn candidates() -> Vec<Candidate> {
    let memory = Memory::default();
    let (open, history) = (memory.clone(), memory.clone());
    vec![Candidate {
        name: "memory",
        sink: Arc::new(memory),
        open: Box::new(move || open.open()),
        history: Box::new(move || history.history()),
    }]
}

impl Candidate {
    fn flush(&self, outcomes: &[Outcome]) -> Vec<Flushed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(self.sink.flush(outcomes)).expect("a working sink")
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
    };
    Outcome::new(scan, judged.collect(), full)
}

fn finding(subject: &str, evidence: &str) -> Finding {
    Finding::new(subject, Severity::Medium, serde_json::json!({ "text": evidence }))
}

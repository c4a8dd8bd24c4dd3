//! Keeps insights in memory: for tests and experiments. It is the contract in its shortest form.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Flushed, InsightKey, Sink, SinkError};
use crate::model::{AssetId, CheckId, Digest, Fence, Finding, Outcome, Resolution};

/// Cloned freely; all clones are one sink.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    assets: BTreeMap<AssetId, Asset>,
    history: Vec<InsightEvent>,
    parked: Vec<Outcome>,
}

#[derive(Debug, Default)]
struct Asset {
    fence: Option<Fence>,
    /// None if the open findings are not exactly those of the last outcome.
    digest: Option<Digest>,
    insights: BTreeMap<(CheckId, String), Insight>,
}

#[derive(Debug)]
struct Insight {
    finding: Finding,
    is_open: bool,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InsightEvent {
    pub asset: AssetId,
    pub fence: Fence,
    pub check: CheckId,
    pub subject: String,
    pub change: Change,
    /// Of a resolution.
    pub reason: Option<Resolution>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Opened,
    Changed,
    Resolved,
    Reopened,
}

impl Memory {
    /// The open findings of every asset.
    pub fn open(&self) -> BTreeMap<InsightKey, Finding> {
        let state = self.state();
        let insights = state.assets.iter().flat_map(|(id, asset)| {
            let open = asset.insights.iter().filter(|(_, insight)| insight.is_open);
            open.map(|((check, subject), insight)| {
                ((*id, check.clone(), subject.clone()), insight.finding.clone())
            })
        });
        insights.collect()
    }

    /// Everything that happened to insights, by asset, fence, check and subject.
    pub fn history(&self) -> Vec<InsightEvent> {
        let mut history = self.state().history.clone();
        history.sort();
        history
    }

    /// The fence of the last outcome of each scanned asset.
    pub fn fences(&self) -> BTreeMap<AssetId, Fence> {
        let fence = |(id, asset): (&AssetId, &Asset)| asset.fence.map(|fence| (*id, fence));
        self.state().assets.iter().filter_map(fence).collect()
    }

    pub fn parked(&self) -> Vec<Outcome> {
        self.state().parked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for Memory {
    async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
        let mut state = self.state();
        Ok(outcomes.iter().map(|outcome| state.apply(outcome)).collect())
    }
}

impl State {
    fn apply(&mut self, outcome: &Outcome) -> Flushed {
        let asset = self.assets.entry(outcome.scan.asset).or_default();
        match asset.fence.map(|applied| outcome.scan.fence.cmp(&applied)) {
            Some(std::cmp::Ordering::Less) => return Flushed::Stale,
            Some(std::cmp::Ordering::Equal) => return Flushed::Duplicate,
            Some(std::cmp::Ordering::Greater) | None => asset.fence = Some(outcome.scan.fence),
        }
        if !is_storable(outcome) {
            asset.digest = None;
            self.parked.push(outcome.clone());
            return Flushed::Parked;
        }
        if outcome.digest.is_some() && outcome.digest == asset.digest {
            return Flushed::Done;
        }
        asset.apply(outcome, &mut self.history);
        Flushed::Done
    }
}

impl Asset {
    fn apply(&mut self, outcome: &Outcome, history: &mut Vec<InsightEvent>) {
        let mut record = |(check, subject): &(CheckId, String), change, reason| {
            let (asset, fence) = (outcome.scan.asset, outcome.scan.fence);
            let (check, subject) = (check.clone(), subject.clone());
            history.push(InsightEvent { asset, fence, check, subject, change, reason });
        };
        for (key, finding) in &outcome.findings {
            let change = match self.insights.get(key) {
                None => Change::Opened,
                Some(insight) if !insight.is_open => Change::Reopened,
                Some(insight) if insight.finding != *finding => Change::Changed,
                Some(_) => continue,
            };
            record(key, change, None);
            let finding = finding.clone();
            self.insights.insert(key.clone(), Insight { finding, is_open: true });
        }
        let mut kept = false;
        for (key, insight) in &mut self.insights {
            if !insight.is_open || outcome.findings.contains_key(key) {
                continue;
            }
            if let Some(reason) = outcome.scope.resolution(&key.0) {
                insight.is_open = false;
                record(key, Change::Resolved, Some(reason));
            } else {
                kept = true;
            }
        }
        self.digest = if kept { None } else { outcome.digest };
    }
}

/// Postgres stores no NUL in a text. Every sink parks such an outcome, so that one can stand in for
/// another.
fn is_storable(outcome: &Outcome) -> bool {
    let has_nul =
        |finding: &Finding| finding.subject.contains('\0') || finding.evidence.contains("\\u0000");
    !outcome.findings.values().any(has_nul)
}

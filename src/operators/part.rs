//! One shard of a scan on its way through the slow lane.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Case;
use crate::checks::{self, About, Check, Checks, Judges};
use crate::model::{
    AssetKind, ConfigVersion, Digest, Facet, Finding, OwnerRange, ScanEvent, Snapshot, Ticket,
    UnixTime, UnknownReason, Verdict, VerdictKind,
};
use crate::telemetry::{LaneMeter, Stage};

/// Findings of one message at most.
const CHUNK_FINDINGS_MAX: usize = 500;

/// A shard of a scan as it was planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub ticket: Ticket,
    pub event: ScanEvent,
    /// The worker that planned it, and puts the parts together.
    pub home: u64,
    /// None: it was not planned, and is whatever is found. Some once it is read.
    pub plan: Option<Plan>,
    pub owners: OwnerRange,
    /// What it holds, in credits.
    pub weight: u32,
    /// From 0 on, in the order of their owners.
    pub number: u32,
    pub of: u32,
    pub attempt: Attempt,
    /// The configuration changed, so the rest of this attempt is not read.
    pub is_skipped: bool,
}

/// What an asset is, for all parts of its scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub kind: AssetKind,
    pub config_version: ConfigVersion,
}

/// How a scan is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempt {
    /// As one part that is not planned: it is predicted to be no larger than a shard.
    Whole,
    InShards,
    /// In shards, whose configuration changed while they were read the first time.
    Again,
}

impl Attempt {
    /// What follows one that was not read as planned.
    pub(super) fn next(self) -> Option<Attempt> {
        match self {
            Attempt::Whole => Some(Attempt::InShards),
            Attempt::InShards => Some(Attempt::Again),
            Attempt::Again => None,
        }
    }
}

impl Part {
    /// The scan that it is of.
    pub(super) fn scan(&self) -> (u64, u64) {
        (self.ticket.owner, self.ticket.number)
    }

    /// What needs no records is asked once, beside the first shard.
    fn is_asked(&self, check: &dyn Check) -> bool {
        let About { id, needs, .. } = check.about();
        self.plan.is_some_and(|plan| checks::concerns(check, plan.kind))
            && self.event.checks.contains(id)
            && (self.number == 0 || needs.contains(&Facet::Records))
    }
}

/// What became of the reading of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Read {
    /// As planned.
    Whole,
    /// The asset is at another config version or has vanished, or what was not planned is too large.
    Changed,
    /// The store does not give it.
    Failed,
    /// Nobody wanted it any more.
    Skipped,
}

/// A part that can be judged, if it was read.
#[derive(Clone, Debug)]
pub struct LoadedPart {
    pub part: Part,
    pub read: Read,
    /// Some if it was read as planned.
    pub snapshot: Option<Snapshot>,
    /// How long that took.
    pub load: Duration,
}

/// Some of what a part yields. The last chunk of a part says so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chunk {
    pub part: Part,
    /// With the place of their check among all checks of the job.
    pub findings: Vec<(u16, Finding)>,
    pub end: Option<PartEnd>,
}

/// What is known when a part is judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartEnd {
    pub read: Read,
    pub kinds: Vec<(u16, VerdictKind)>,
    /// Of the findings of checks that judge owners.
    pub digest: Digest,
    pub records: u64,
    /// Time of its reading, and of its checks.
    pub load: Duration,
    pub check: Duration,
}

/// A part was taken in by whoever puts its scan together.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PartAck {
    pub ticket: Ticket,
    pub home: u64,
    pub is_changed: bool,
}

impl Case for LoadedPart {
    type Done = Chunk;
    type AllDone = Vec<Chunk>;

    fn ticket(&self) -> &Ticket {
        &self.part.ticket
    }

    fn begins(&mut self, meter: &LaneMeter, now: UnixTime) {
        // The first shard of a plan began when it went out.
        if self.part.attempt == Attempt::Whole && self.read == Read::Whole {
            meter.lap(Stage::CheckWait, &mut self.part.ticket, now);
        }
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    fn is_asked(&self, check: &dyn Check) -> bool {
        self.part.is_asked(check)
    }

    fn end(
        self,
        checks: Checks,
        verdicts: Vec<(usize, Verdict)>,
        took: Duration,
        _meter: &LaneMeter,
        _now: UnixTime,
    ) -> Vec<Chunk> {
        let LoadedPart { part, read, snapshot, load } = self;
        let records = snapshot.as_ref().map_or(0, |snapshot| snapshot.records() as u64);
        let verdicts = match read {
            Read::Whole => verdicts,
            Read::Failed => all_unknown(checks, &part, UnknownReason::NotRead),
            Read::Changed => all_unknown(checks, &part, UnknownReason::Changed),
            Read::Skipped => Vec::new(),
        };
        let (mut kinds, mut digest) = (Vec::with_capacity(verdicts.len()), Digest::default());
        let (mut chunks, mut findings) = (Vec::new(), Vec::new());
        for (place, verdict) in verdicts {
            let (About { id, judges, .. }, number) = (checks[place].about(), place as u16);
            kinds.push((number, verdict.kind()));
            for finding in verdict.into_findings() {
                if *judges == Judges::Owners {
                    digest += Digest::of_finding(id, &finding);
                }
                findings.push((number, finding));
                if findings.len() == CHUNK_FINDINGS_MAX {
                    let findings = std::mem::take(&mut findings);
                    chunks.push(Chunk { part: part.clone(), findings, end: None });
                }
            }
        }
        let end = Some(PartEnd { read, kinds, digest, records, load, check: took });
        chunks.push(Chunk { part, findings, end });
        chunks
    }
}

fn all_unknown(checks: Checks, part: &Part, reason: UnknownReason) -> Vec<(usize, Verdict)> {
    let asked = checks.iter().enumerate().filter(|(_, check)| part.is_asked(**check));
    asked.map(|(place, _)| (place, Verdict::unknown(reason))).collect()
}

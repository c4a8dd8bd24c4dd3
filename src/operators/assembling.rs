//! The parts of one scan, until they are all there.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::part::{Part, PartEnd, Plan, Read};
use super::share;
use crate::checks::{Checks, Judges};
use crate::model::{
    Asked, CheckId, Conclusion, Digest, Fence, Finding, Outcome, Scan, Ticket, UnknownReason,
    VerdictKind,
};
use crate::sinks::{Finished, LargeOutcome, Spool};

/// Above this the findings of a scan go to a spool.
const HELD_BYTES_MAX: usize = 256 << 10;

pub(super) struct Assembling {
    checks: Checks,
    findings: Findings,
    /// Of checks that judge the asset as a whole, with the number of their part.
    of_asset: BTreeMap<(u16, String), (u32, Finding)>,
    digest: Digest,
    ends: Vec<Option<PartEnd>>,
    left: u32,
}

/// What checks that judge owners found.
enum Findings {
    Held {
        findings: BTreeMap<(CheckId, String), Finding>,
        bytes: usize,
    },
    Spooled(Spool),
    /// The disk failed.
    Lost,
}

impl Assembling {
    pub(super) fn new(checks: Checks, of: u32) -> Assembling {
        Assembling {
            checks,
            findings: Findings::Held { findings: BTreeMap::new(), bytes: 0 },
            of_asset: BTreeMap::new(),
            digest: Digest::default(),
            ends: (0..of).map(|_| None).collect(),
            left: of,
        }
    }

    /// Takes in some of a part; whether that is all of the scan.
    pub(super) fn add(
        &mut self,
        part: &Part,
        findings: Vec<(u16, Finding)>,
        end: Option<PartEnd>,
    ) -> bool {
        for (place, finding) in findings {
            let about = self.checks[usize::from(place)].about();
            match about.judges {
                Judges::Owners => self.findings.push(&about.id, finding),
                Judges::Asset => self.add_of_asset(part.number, place, finding),
            }
        }
        if let Some(end) = end {
            self.digest += end.digest;
            self.ends[part.number as usize] = Some(end);
            self.left -= 1;
        }
        self.left == 0
    }

    fn add_of_asset(&mut self, number: u32, place: u16, finding: Finding) {
        let key = (place, finding.subject.clone());
        match self.of_asset.get(&key) {
            Some((first, _)) if *first <= number => {}
            _ => drop(self.of_asset.insert(key, (number, finding))),
        }
    }

    /// What became of all its parts. None: it was not as planned, and is planned again.
    pub(super) fn conclude(mut self, part: &Part) -> Option<(Ticket, Finished)> {
        let ends: Vec<PartEnd> = self.ends.into_iter().flatten().collect();
        let is_changed = |end: &PartEnd| matches!(end.read, Read::Changed | Read::Skipped);
        if part.attempt.next().is_some() && ends.iter().any(is_changed) {
            return None;
        }
        let Plan { config_version, .. } = part.plan?;
        for ((place, _), (_, finding)) in self.of_asset {
            let id = &self.checks[usize::from(place)].about().id;
            self.digest += Digest::of_finding(id, &finding);
            self.findings.push(id, finding);
        }
        let mut of_shards: BTreeMap<u16, Vec<VerdictKind>> = BTreeMap::new();
        for (place, kind) in ends.iter().flat_map(|end| end.kinds.iter().copied()) {
            of_shards.entry(place).or_default().push(kind);
        }
        let is_lost = matches!(self.findings, Findings::Lost);
        let abouts = of_shards.into_iter().map(|(place, of_shards)| {
            let check = self.checks[usize::from(place)];
            let kind = match is_lost {
                true => VerdictKind::Unknown(UnknownReason::NotRead),
                false => check.merge(&of_shards),
            };
            (&check.about().id, check.about().version, kind)
        });
        // What is lost is not what the digest says was found.
        let is_known = part.event.checks == Asked::All && !is_lost;
        let digest = is_known.then_some(self.digest);
        let Conclusion { scope, unknown, digest } = Conclusion::of(abouts, digest);
        let mut ticket = part.ticket;
        ticket.spent.load_us = share::us(ends.iter().map(|end| end.load).sum());
        let duration = ends.iter().map(|end| end.check).sum();
        ticket.spent.check_us = share::us(duration);
        let records: u64 = ends.iter().map(|end| end.records).sum();
        let scan = Scan {
            asset: part.event.asset,
            fence: Fence { config_version, sequence: part.event.sequence },
            scheduled_at: part.event.scheduled_at,
            duration,
            records: u32::try_from(records).unwrap_or(u32::MAX),
            measured: part.event.measured(ticket.spent),
        };
        let findings = match self.findings {
            Findings::Held { findings, .. } => findings,
            Findings::Lost => BTreeMap::new(),
            Findings::Spooled(mut findings) => {
                findings.close();
                let large = LargeOutcome { scan, scope, digest, findings };
                return Some((ticket, Finished::Large(Arc::new(large))));
            }
        };
        Some((ticket, Finished::Held(Outcome { scan, scope, findings, unknown, digest })))
    }
}

impl Findings {
    fn push(&mut self, check: &CheckId, finding: Finding) {
        if let Err(err) = self.try_push(check, finding) {
            let error = &err as &dyn std::error::Error;
            tracing::error!(error, "what was found cannot be kept: its checks are not complete");
            *self = Findings::Lost;
        }
    }

    fn try_push(&mut self, check: &CheckId, finding: Finding) -> io::Result<()> {
        match self {
            Findings::Lost => {}
            Findings::Spooled(spool) => spool.push(check, &finding)?,
            Findings::Held { findings, bytes } => {
                *bytes += size_of::<Finding>() + 2 * finding.subject.len() + finding.evidence.len();
                findings.insert((check.clone(), finding.subject.clone()), finding);
                if HELD_BYTES_MAX < *bytes {
                    let mut spool = Spool::new();
                    for ((check, _), finding) in std::mem::take(findings) {
                        spool.push(&check, &finding)?;
                    }
                    *self = Findings::Spooled(spool);
                }
            }
        }
        Ok(())
    }
}

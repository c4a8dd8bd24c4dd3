//! Which shard of which scan goes out next.

use std::collections::HashMap;

use super::line::Line;
use super::part::{Attempt, Part, PartAck, Plan};
use crate::lanes::weight;
use crate::model::{OwnerRange, ScanEvent, Ticket};
use crate::store::Shards;

/// A scan before it is planned, or before it is planned again. `H` is held until it is done.
pub(super) struct Unplanned<H> {
    pub(super) held: H,
    pub(super) ticket: Ticket,
    pub(super) event: ScanEvent,
    pub(super) attempt: Attempt,
}

/// Scans whose shards are out or go out: in turns, so that a giant holds up no other scan for longer
/// than one of its shards takes. Of two shards one is of what somebody waits for, and one of what is
/// scheduled.
pub(super) struct Planning<H> {
    home: u64,
    /// Credits of the shards that are out at once: what they hold is all that giants hold.
    window: u64,
    out: u64,
    turns: Line<(u64, u64)>,
    scheduled_next: bool,
    scans: HashMap<(u64, u64), Planned<H>>,
}

struct Planned<H> {
    held: H,
    ticket: Ticket,
    event: ScanEvent,
    attempt: Attempt,
    plan: Option<Plan>,
    owners: Vec<OwnerRange>,
    /// Of each shard.
    weight: u32,
    next: usize,
    out: usize,
    is_changed: bool,
}

impl<H: Clone> Planning<H> {
    pub(super) fn new(home: u64, window: u64) -> Planning<H> {
        let (turns, scans) = (Line::default(), HashMap::new());
        Planning { home, window, out: 0, turns, scheduled_next: false, scans }
    }

    pub(super) fn begin(&mut self, scan: Unplanned<H>, shards: &Shards) {
        let Shards { kind, config_version, records, ref ends } = *shards;
        let owners = OwnerRange::cut_behind(ends);
        let weight = weight(records / owners.len() as u64);
        self.push(scan, Some(Plan { kind, config_version }), owners, weight);
    }

    /// One that is not planned.
    pub(super) fn begin_whole(&mut self, scan: Unplanned<H>) {
        let weight = scan.event.cost.weight;
        self.push(scan, None, vec![OwnerRange::default()], weight);
    }

    fn push(
        &mut self,
        scan: Unplanned<H>,
        plan: Option<Plan>,
        owners: Vec<OwnerRange>,
        weight: u32,
    ) {
        let Unplanned { held, ticket, event, attempt } = scan;
        let key = (ticket.owner, ticket.number);
        let (next, out, is_changed) = (0, 0, false);
        let planned =
            Planned { held, ticket, event, attempt, plan, owners, weight, next, out, is_changed };
        self.scans.insert(key, planned);
        self.turns.push(&ticket, key);
    }

    /// None: nothing waits, or the window is full. `begins` is told of each scan whose first shard goes
    /// out for the first time.
    pub(super) fn next(&mut self, begins: impl FnOnce(&mut Ticket, Attempt)) -> Option<(H, Part)> {
        if self.window <= self.out {
            return None;
        }
        let key = match self.scheduled_next {
            true => self.turns.pop_scheduled()?,
            false => self.turns.pop_front()?,
        };
        self.scheduled_next = !self.scheduled_next;
        let scan = self.scans.get_mut(&key)?;
        if scan.next == 0 && scan.attempt != Attempt::Again {
            begins(&mut scan.ticket, scan.attempt);
        }
        let of = scan.owners.len();
        let part = Part {
            ticket: scan.ticket,
            event: scan.event.clone(),
            home: self.home,
            plan: scan.plan,
            owners: std::mem::take(&mut scan.owners[scan.next]),
            weight: scan.weight,
            number: scan.next as u32,
            of: of as u32,
            attempt: scan.attempt,
            is_skipped: scan.is_changed && scan.attempt.next().is_some(),
        };
        scan.next += 1;
        scan.out += 1;
        self.out += u64::from(scan.weight);
        if scan.next < scan.owners.len() {
            self.turns.push(&scan.ticket, key);
        }
        Some((scan.held.clone(), part))
    }

    /// A part is judged. Returns its scan if it has to be planned again.
    pub(super) fn landed(&mut self, ack: &PartAck) -> Option<Unplanned<H>> {
        let key = (ack.ticket.owner, ack.ticket.number);
        let scan = self.scans.get_mut(&key)?;
        self.out -= u64::from(scan.weight);
        scan.out -= 1;
        scan.is_changed |= ack.is_changed;
        if scan.next < scan.owners.len() || 0 < scan.out {
            return None;
        }
        let Planned { held, ticket, event, attempt, is_changed, .. } = self.scans.remove(&key)?;
        let attempt = attempt.next().filter(|_| is_changed)?;
        Some(Unplanned { held, ticket, event, attempt })
    }
}

#[cfg(test)]
mod tests;

//! Which shard of which scan goes out next.

use std::collections::HashMap;

use super::line::Line;
use super::part::{Part, PartAck};
use crate::lanes::weight;
use crate::model::{AssetKind, OwnerRange, ScanEvent, Ticket};
use crate::store::Shards;

/// A scan before it is planned, or before it is planned again. `H` is held until it is done.
pub(super) struct Unplanned<H> {
    pub(super) held: H,
    pub(super) ticket: Ticket,
    pub(super) event: ScanEvent,
    pub(super) is_again: bool,
}

/// Scans whose shards are out or go out: in turns, so that a giant holds up no other scan for longer
/// than one of its shards takes. Of two shards one is of what somebody waits for, and one of what is
/// scheduled.
pub(super) struct Planning<H> {
    home: u64,
    /// Shards that are out at once: what they hold is all that giants hold.
    window: usize,
    out: usize,
    turns: Line<(u64, u64)>,
    scheduled_next: bool,
    scans: HashMap<(u64, u64), Planned<H>>,
}

struct Planned<H> {
    held: H,
    ticket: Ticket,
    event: ScanEvent,
    is_again: bool,
    kind: AssetKind,
    shards: Shards,
    owners: Vec<OwnerRange>,
    next: usize,
    out: usize,
    is_changed: bool,
}

impl<H: Clone> Planning<H> {
    pub(super) fn new(home: u64, window: usize) -> Planning<H> {
        let (turns, scans) = (Line::default(), HashMap::new());
        Planning { home, window, out: 0, turns, scheduled_next: false, scans }
    }

    pub(super) fn begin(&mut self, scan: Unplanned<H>, shards: Shards) {
        let Unplanned { held, ticket, event, is_again } = scan;
        let key = (ticket.owner, ticket.number);
        let (owners, kind) = (OwnerRange::cut_behind(&shards.ends), shards.kind);
        let (next, out, is_changed) = (0, 0, false);
        let planned =
            Planned { held, ticket, event, is_again, kind, shards, owners, next, out, is_changed };
        self.scans.insert(key, planned);
        self.turns.push(&ticket, key);
    }

    /// None: nothing waits, or the window is full. `begins` is told of each scan whose first shard goes
    /// out for the first time.
    pub(super) fn next(&mut self, begins: impl FnOnce(&mut Ticket)) -> Option<(H, Part)> {
        if self.window <= self.out {
            return None;
        }
        let key = match self.scheduled_next {
            true => self.turns.pop_scheduled()?,
            false => self.turns.pop_front()?,
        };
        self.scheduled_next = !self.scheduled_next;
        let scan = self.scans.get_mut(&key)?;
        if scan.next == 0 && !scan.is_again {
            begins(&mut scan.ticket);
        }
        let of = scan.owners.len();
        let part = Part {
            ticket: scan.ticket,
            event: scan.event.clone(),
            home: self.home,
            kind: scan.kind,
            config_version: scan.shards.config_version,
            owners: std::mem::take(&mut scan.owners[scan.next]),
            weight: weight(scan.shards.records / of as u64),
            number: scan.next as u32,
            of: of as u32,
            is_again: scan.is_again,
            is_skipped: scan.is_changed && !scan.is_again,
        };
        scan.next += 1;
        scan.out += 1;
        self.out += 1;
        if scan.next < scan.owners.len() {
            self.turns.push(&scan.ticket, key);
        }
        Some((scan.held.clone(), part))
    }

    /// A part is judged. Returns its scan if it has to be planned again.
    pub(super) fn landed(&mut self, ack: &PartAck) -> Option<Unplanned<H>> {
        self.out -= 1;
        let key = (ack.ticket.owner, ack.ticket.number);
        let scan = self.scans.get_mut(&key)?;
        scan.out -= 1;
        scan.is_changed |= ack.is_changed;
        if scan.next < scan.owners.len() || 0 < scan.out {
            return None;
        }
        let Planned { held, ticket, event, is_again, is_changed, .. } = self.scans.remove(&key)?;
        (is_changed && !is_again).then_some(Unplanned { held, ticket, event, is_again: true })
    }
}

#[cfg(test)]
mod tests;

//! Tickets that come back.

use std::time::Duration;

use super::{Dispatcher, LOST_AFTER, Open, RELEASED_TOGETHER};
use crate::model::{Asked, HandedOver, Origin, Ticket, UnixTime};
use crate::schedule::{Durable, Ending, Released, Request, Standing};

impl Dispatcher {
    /// [`Dispatcher::release`] of each of them, in less time; `hear` is told of each.
    pub fn release_all(
        &mut self,
        tickets: &[Ticket],
        now: UnixTime,
        mut hear: impl FnMut(&Ticket, Released),
    ) {
        for together in tickets.chunks(RELEASED_TOGETHER) {
            let open = together.iter().filter_map(|ticket| self.open.get(ticket.place()));
            open.for_each(|open| self.agenda.touch(open.taken));
            for ticket in together {
                if let Some(released) = self.release(ticket, now) {
                    hear(ticket, released);
                }
            }
        }
    }

    /// Takes a ticket back: its scan is durable. None: it was [given up](Dispatcher::give_up_lost) before.
    ///
    /// # Panics
    /// If it is not open otherwise: an operator answered one scan twice, and credits no longer mean
    /// anything.
    pub fn release(&mut self, ticket: &Ticket, now: UnixTime) -> Option<Released> {
        let place = ticket.place();
        let is_open = self.open.get(place).is_some_and(|open| open.number == ticket.number);
        if !is_open && LOST_AFTER <= now.since(ticket.emitted_at) {
            return None;
        }
        assert!(is_open, "a ticket comes back exactly once");
        let open = self.open.remove(place);
        self.give_back_credits(&open);
        if !self.lost.is_empty() {
            self.lost.remove(&open.asset);
        }
        self.stats.returned[open.lane] += 1;
        let took = now.since(open.emitted_at);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.stats.latency_us.saturating_record(took_us);
        let mut released =
            Released { took, predicted: open.cost.time, measured: None, better_lane: None };
        if let Some(handed_over) = ticket.handed_over {
            self.hand_over(open, handed_over);
            return Some(released);
        }
        if open.checks == Asked::All {
            let spent = ticket.spent;
            let measured = Duration::from_secs_f64(spent.total_us() / 1e6);
            released.measured = spent.is_whole().then_some(measured);
            released.better_lane = self.agenda.better_lane(open.lane, spent);
            // What waits for a database that is away costs nothing.
            if !self.throttle.is_down() {
                self.agenda.measured(open.taken, spent);
            }
            let waits = self.settings.ending == Ending::Drained && !self.draining;
            self.agenda.scanned(open.taken, open.emitted_at, waits);
        } else {
            self.agenda.put_back(open.taken);
        }
        if let Some(each) = &mut self.stats.each {
            let Open { asset, lane, due_at, emitted_at, .. } = open;
            let Released { predicted, measured, .. } = released;
            let durable_at = now;
            each.push(Durable { asset, lane, due_at, emitted_at, durable_at, predicted, measured });
        }
        self.requests.answer(&open.requests, true);
        if !self.requests.is_empty() {
            self.requests.follow(open.asset, open.lane);
        }
        Some(released)
    }

    /// It was not scanned, and is due as it was before, in the lane that its records ask for.
    fn hand_over(&mut self, open: Open, handed_over: HandedOver) {
        let Open { asset, taken, lane, checks, mut requests, .. } = open;
        let HandedOver { records, request } = handed_over;
        requests.retain(|id| Some(*id) != request);
        self.agenda.resize(taken, records.into());
        self.agenda.put_back(taken);
        let lane = match self.agenda.standing(asset) {
            Standing::Idle(lane, _) => {
                let asked = requests.into_iter().map(|id| (id, checks.clone()));
                // It stands for a scan with all checks, for which somebody may have asked before.
                for (id, checks) in asked.chain(request.map(|id| (id, Asked::All))) {
                    self.requests.queue(Request { id, asset, checks }, lane);
                }
                lane
            }
            // It was removed meanwhile.
            Standing::UnderWay(_) | Standing::Unknown => {
                requests.extend(request);
                self.requests.answer(&requests, false);
                lane
            }
        };
        self.requests.follow(asset, lane);
    }

    pub(super) fn give_back_credits(&mut self, open: &Open) {
        match open.origin {
            Origin::Request => self.requests.returned(open.lane, open.cost.weight),
            Origin::Agenda | Origin::Kafka { .. } => {
                self.taken[open.lane] -= u64::from(open.cost.weight);
            }
        }
        self.out[open.lane] -= 1;
    }
}

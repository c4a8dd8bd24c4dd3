//! Scans that somebody asks for, with a rate and credits of their own.

use std::time::Duration;

use super::{Dispatcher, Open};
use crate::checks;
use crate::model::{Lane, Origin, ScanEvent, Ticket, UnixTime};
use crate::schedule::{Answer, Ending, Request, Requested, Standing};

impl Dispatcher {
    /// Asks for a scan of an asset as it is now. `has_loaded`: whether the snapshot for the ticket at
    /// this place is being read, or was: it may be older than the request.
    pub fn request(
        &mut self,
        request: Request,
        has_loaded: impl FnOnce(usize) -> bool,
    ) -> Requested {
        match self.agenda.standing(request.asset) {
            Standing::Unknown => {
                // Whoever does not follow the fleet leaves it to the next one, who knows better.
                if !self.draining && self.settings.ending == Ending::Drained {
                    self.requests.answer(&[request.id], false);
                }
                Requested::Unknown
            }
            Standing::Idle(lane, _) => match self.requests.queue(request, lane) {
                true => Requested::Joined,
                false => Requested::Queued,
            },
            Standing::UnderWay(taken) => {
                let mut open = self.open.iter_mut();
                let (place, open) = open
                    .find(|(_, open)| open.taken == taken)
                    .expect("what is under way has a ticket");
                if open.checks.covers(&request.checks) && !has_loaded(place) {
                    open.requests.push(request.id);
                    return Requested::Joined;
                }
                self.requests.again(request);
                Requested::Again
            }
        }
    }

    /// What has come of requests since this was asked last.
    pub fn answers(&mut self) -> Vec<Answer> {
        self.requests.answers()
    }

    /// Whoever asked for what is gone is told so here.
    pub(super) fn next_requested(&mut self, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        if self.requests.is_empty() {
            return None;
        }
        // In turns: tokens are shared by the lanes.
        let mut lanes = Lane::ALL;
        lanes.rotate_left(self.issued as usize % Lane::ALL.len());
        lanes.into_iter().find_map(|lane| self.next_requested_of(lane, now))
    }

    fn next_requested_of(&mut self, lane: Lane, now: UnixTime) -> Option<(Ticket, ScanEvent)> {
        loop {
            let asset = self.requests.first(lane)?;
            let Standing::Idle(actual, cost) = self.agenda.standing(asset) else {
                // What is scheduled takes along what is wanted of it, so it is not under way.
                let gone = self.requests.take(asset)?;
                self.requests.answer(&gone.ids, false);
                continue;
            };
            if actual != lane {
                self.requests.move_first(lane, actual);
                continue;
            }
            let has_credits = self.requests.has_credits(lane, cost, self.settings.credits[lane]);
            if !has_credits || !self.take_request_token(now) {
                return None;
            }
            let (taken, wanted) =
                self.agenda.take_out_of_turn(asset).zip(self.requests.take(asset))?;
            let cost = self.agenda.cost_of(taken, &wanted.checks, checks::ALL.len());
            self.requests.emitted(lane, cost);
            let open = Open {
                number: 0,
                asset,
                taken,
                lane,
                cost,
                checks: wanted.checks,
                origin: Origin::Request,
                due_at: now,
                emitted_at: now,
                requests: wanted.ids,
            };
            return Some(self.emit(open));
        }
    }

    fn take_request_token(&mut self, now: UnixTime) -> bool {
        if !self.requests.bucket().take(now) {
            return false;
        }
        let may_go = self.limit.as_mut().is_none_or(|limit| limit.take(now));
        if !may_go {
            self.requests.bucket().put_back();
        }
        may_go
    }

    /// How long until a scan of the lane that is asked for may go out; None: there is none, or it waits
    /// for one to come back.
    pub(super) fn until_requested(&mut self, lane: Lane, now: UnixTime) -> Option<Duration> {
        self.requests.first(lane)?;
        let limit = self.limit.as_ref().map_or(Duration::ZERO, |limit| limit.until_next(now));
        Some(self.requests.bucket().until_next(now).max(limit))
    }
}

#[cfg(test)]
mod tests;

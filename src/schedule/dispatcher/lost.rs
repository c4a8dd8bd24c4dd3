//! Scans that were handed to others and are not heard of any more.

use std::time::Duration;

use super::Dispatcher;
use crate::model::{AssetId, UnixTime};
use crate::schedule::Request;

/// After so long a scan counts as lost, unless somebody still works on it.
pub const LOST_AFTER: Duration = Duration::from_secs(15 * 60);

/// So often an asset is tried before it waits for its next period.
const TRIES_MAX: u8 = 3;

/// A scan that nobody works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    pub asset: AssetId,
    /// So often it was lost, without a scan that came back.
    pub times: u8,
    /// It is not tried again before its next period; otherwise it goes out at once.
    pub is_parked: bool,
}

impl Dispatcher {
    /// Gives up the scans that went out longer than [`LOST_AFTER`] ago and are not `is_live`: a ticket
    /// that is open in a living process is. Looks at all that are out. What comes back later is heard,
    /// and counts as none: its outcome has its own fence.
    pub fn give_up_lost(&mut self, now: UnixTime, is_live: impl Fn(AssetId) -> bool) -> Vec<Lost> {
        let is_lost =
            |emitted_at: UnixTime, asset| LOST_AFTER <= now.since(emitted_at) && !is_live(asset);
        let lost = self.open.iter().filter(|(_, open)| is_lost(open.emitted_at, open.asset));
        let places: Vec<usize> = lost.map(|(place, _)| place).collect();
        places.into_iter().map(|place| self.give_up(place, now)).collect()
    }

    fn give_up(&mut self, place: usize, now: UnixTime) -> Lost {
        let open = self.open.remove(place);
        self.give_back_credits(&open);
        let tries = self.lost.entry(open.asset).or_default();
        *tries += 1;
        let (times, is_parked) = (*tries, TRIES_MAX <= *tries);
        if is_parked {
            self.lost.remove(&open.asset);
            self.agenda.skip(open.taken, now);
        } else {
            self.agenda.put_back(open.taken);
        }
        self.requests.follow(open.asset, open.lane);
        // Whoever asked gets the next scan, or hears that there is none.
        match is_parked {
            true => self.requests.answer(&open.requests, false),
            false => open.requests.into_iter().for_each(|id| {
                let (asset, checks) = (open.asset, open.checks.clone());
                self.request(Request { id, asset, checks }, |_| true);
            }),
        }
        Lost { asset: open.asset, times, is_parked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Asked, Lane};
    use crate::schedule::dispatcher::tests::{DAY, NOON, dispatcher};
    use crate::schedule::{Ending, Rate, Requested};

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_lost_goes_out_again_and_after_three_times_waits_for_its_period() {
        for age in [None, Some(2 * DAY)] {
            let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(64, age); 1]);
            let mut now = NOON;
            for times in 1..=3 {
                let (ticket, _) = dispatcher.next(now).expect("it is due");
                assert!(dispatcher.give_up_lost(now + 14 * MINUTE, |_| false).is_empty());
                now = now + LOST_AFTER;
                assert!(dispatcher.give_up_lost(now, |_| true).is_empty(), "somebody works on it");
                let asset = AssetId(1);
                let lost = Lost { asset, times, is_parked: times == 3 };
                assert_eq!(dispatcher.give_up_lost(now, |_| false), [lost]);
                assert_eq!(dispatcher.open_tickets(), 0);
                // It was only slow: nothing is counted twice.
                assert_eq!(dispatcher.release(&ticket, now), None);
            }
            assert!(dispatcher.next(now + DAY * 9 / 10).is_none(), "{age:?}: it is parked");
            dispatcher.pace(now);
            let plan = &dispatcher.progress().plans[0];
            assert_eq!(plan.overdue + plan.never_scanned, 1, "{age:?}: and not fresh for that");
            let (ticket, _) = dispatcher.next(now + DAY).expect("its next period");
            assert!(dispatcher.release(&ticket, now + DAY).is_some());
            assert!(dispatcher.agenda.waiting(Lane::Fast) == 1 && dispatcher.lost.is_empty());
        }
    }

    #[test]
    fn credits_of_what_is_lost_come_back() {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(64, None); 5]);
        while dispatcher.next(NOON).is_some() {}
        assert_eq!(dispatcher.open_tickets(), 2, "4 credits");
        let now = NOON + LOST_AFTER;
        assert_eq!(dispatcher.give_up_lost(now, |_| false).len(), 2);
        while dispatcher.next(now).is_some() {}
        assert_eq!(dispatcher.open_tickets(), 2);
    }

    #[test]
    fn whoever_asked_for_what_is_lost_gets_the_next_scan() {
        let mut dispatcher = dispatcher(Rate::Max, Ending::Drained, &[(1, Some(DAY / 2))]);
        let request = Request { id: 9, asset: AssetId(1), checks: Asked::All };
        assert_eq!(dispatcher.request(request, |_| true), Requested::Queued);
        dispatcher.next(NOON).expect("it is asked for");
        let now = NOON + LOST_AFTER;
        assert_eq!(dispatcher.give_up_lost(now, |_| false).len(), 1);
        assert!(dispatcher.answers().is_empty());
        let (ticket, _) = dispatcher.next(now).expect("again");
        dispatcher.release(&ticket, now);
        assert_eq!(dispatcher.answers().len(), 1);
    }
}

//! Scans that come back late, and such that never do.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use scanflow::model::{PerLane, Ticket};
use scanflow::schedule::{Dispatcher, Ending, LOST_AFTER, Limits, Orders, Rate, Settings};

use crate::*;

/// What becomes of a scan, by a hash.
enum Fate {
    BackAfter(Duration),
    /// As before, but somebody still works on it when the bound is over.
    LiveFor(Duration),
    Lost,
}

fn fate(key: u64) -> Fate {
    let latency = part(2 * LOST_AFTER, key ^ 0x1a7e);
    match mix(key) % 10 {
        0..6 => Fate::BackAfter(latency / 30),
        6..8 => Fate::BackAfter(latency),
        8 => Fate::LiveFor(latency),
        _ => Fate::Lost,
    }
}

fn dispatcher(assets: i64, seed: u64, credits: u32) -> Dispatcher {
    let plans = [("enterprise", DAY)];
    let mut agenda = agenda(&cadences(&plans));
    even(&mut agenda, assets, &plans, seed);
    let settings = Settings {
        owner: 0,
        credits: PerLane::from_fn(|_| credits),
        ending: Ending::Drained,
        rate: Rate::Auto,
        buffer: 1.2,
        requests_per_second: 50.0,
        sequence_start: 0,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    Dispatcher::new(settings, agenda, START)
}

/// Those that have not come back.
#[derive(Default)]
struct Out {
    tickets: Vec<(UnixTime, i64, Ticket)>,
    /// Somebody works on them.
    live: HashSet<i64>,
    given_up: HashSet<u64>,
}

impl Out {
    fn holds(&self, asset: i64) -> bool {
        let counts = |ticket: &Ticket| !self.given_up.contains(&ticket.number);
        self.tickets.iter().any(|(_, other, ticket)| *other == asset && counts(ticket))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_lost_goes_out_again_nothing_twice_at_once_and_all_credits_come_back(
        seed: u64,
        assets in 50..300_i64,
        credits in 4..64_u32,
    ) {
        let mut dispatcher = dispatcher(assets, seed, credits);
        let mut out = Out::default();
        let mut last = HashMap::new();
        let step = 30 * SECOND;
        let (days, all_come_back) = (4, START + 2 * DAY);
        for n in 0..days * 86_400 / 30 {
            let now = START + step * n;
            let (back, rest): (Vec<_>, Vec<_>) =
                std::mem::take(&mut out.tickets).into_iter().partition(|(until, ..)| *until <= now);
            out.tickets = rest;
            for (_, asset, ticket) in back {
                let counts = !out.given_up.remove(&ticket.number);
                prop_assert_eq!(dispatcher.release(&ticket, now).is_some(), counts);
                if counts {
                    out.live.remove(&asset);
                }
            }
            for lost in dispatcher.give_up_lost(now, |asset| out.live.contains(&asset.0)) {
                let (_, _, ticket) = out.tickets.iter()
                    .find(|(_, asset, ticket)| *asset == lost.asset.0 && !out.given_up.contains(&ticket.number))
                    .expect("it is out");
                prop_assert!(LOST_AFTER <= now.since(ticket.emitted_at), "{lost:?} after too short a time");
                out.given_up.insert(ticket.number);
            }
            dispatcher.pace(now);
            while let Some((ticket, event)) = dispatcher.next(now) {
                let asset = event.asset.0;
                prop_assert!(!out.holds(asset), "{asset} is under way twice");
                let fate = if now < all_come_back { fate(ticket.number ^ seed) } else { Fate::BackAfter(SECOND) };
                let until = match fate {
                    Fate::BackAfter(latency) => now + latency,
                    Fate::LiveFor(latency) => {
                        out.live.insert(asset);
                        now + latency
                    }
                    // Long after it was given up.
                    Fate::Lost => START + 3 * DAY,
                };
                out.tickets.push((until, asset, ticket));
                last.insert(asset, now);
            }
        }
        let now = START + days * DAY;
        for (_, _, ticket) in out.tickets.drain(..) {
            prop_assert_eq!(dispatcher.release(&ticket, now).is_some(), !out.given_up.contains(&ticket.number));
        }
        prop_assert_eq!(dispatcher.open_tickets(), 0);
        for asset in 0..assets {
            let ago = last.get(&asset).map(|at| now.since(*at));
            prop_assert!(ago.is_some_and(|ago| ago <= DAY), "{asset} went out last {ago:?} ago");
        }
    }
}

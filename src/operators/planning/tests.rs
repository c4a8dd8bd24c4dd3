//! Tickets over random schedules of what can happen to scans.

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::checks::ALL;
use crate::clock::Clock;
use crate::lanes::Lanes;
use crate::model::{
    Asked, AssetId, AssetKind, ConfigVersion, Cost, HandedOver, Lane, Origin, PerLane, Reason,
    ScanSequence, Snapshot, Spent, UnixTime, UnknownReason, Verdict, ZoneSnapshot,
};
use crate::operators::assembling::Assembling;
use crate::operators::check::Case;
use crate::operators::part::{Chunk, LoadedPart, Read};
use crate::schedule::{
    Agenda, Cadences, Dispatcher, Ending, Limits, Listed, Orders, Rate, Settings,
};
use crate::sinks::Finished;
use crate::telemetry::{LaneMeter, Telemetry};

const SCHEDULES: u64 = 10_000;
const ASSETS_MAX: usize = 12;
const NOW: UnixTime = UnixTime::from_micros(86_400_000_000);

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// Any of them: they come back in no order.
    fn any<T>(&mut self, of: &mut Vec<T>) -> Option<T> {
        if of.is_empty() { None } else { Some(of.swap_remove(self.below(of.len()))) }
    }
}

/// All that is under way, wherever that is.
struct World {
    dice: Dice,
    dispatcher: Dispatcher,
    meter: LaneMeter,
    planning: Planning<()>,
    fast: Vec<Ticket>,
    unplanned: Vec<Unplanned<()>>,
    parts: Vec<Part>,
    /// Those of a part stay in their order.
    chunks: Vec<Vec<Chunk>>,
    assembling: HashMap<(u64, u64), Assembling>,
    acks: Vec<PartAck>,
    finished: Vec<(Ticket, Finished)>,
}

fn dispatcher(dice: &mut Dice) -> Dispatcher {
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), NOW);
    for asset in 0..1 + dice.below(ASSETS_MAX) as i64 {
        let (asset, plan) = (AssetId(asset), "free".into());
        let records = [10, 300, 5_000, 900_000][dice.below(4)];
        let (scheduled_at, measured) = (None, None);
        let listed = Listed { asset, account: asset, plan, scheduled_at, measured, records };
        agenda.insert(&listed, NOW);
    }
    let settings = Settings {
        owner: 0,
        credits: PerLane { fast: 1 + dice.below(20) as u32, slow: 1 + dice.below(200) as u32 },
        ending: Ending::Once,
        rate: Rate::Max,
        buffer: 1.2,
        requests_per_second: 50.0,
        sequence_start: 0,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    Dispatcher::new(settings, agenda, NOW)
}

impl World {
    fn step(&mut self) {
        match self.dice.below(7) {
            0 => self.emit(),
            // Durable, parked, stale or vanished: it comes back. Or handed over.
            1 => {
                if let Some(ticket) = self.dice.any(&mut self.fast) {
                    let is_too_large = self.dice.below(4) == 0;
                    let records = [400, 5_000][self.dice.below(2)];
                    let request = [None, Some(1)][self.dice.below(2)];
                    let handed_over = is_too_large.then_some(HandedOver { records, request });
                    self.release(&Ticket { handed_over, ..ticket });
                }
            }
            2 => self.plan(),
            3 => self.read(),
            4 => self.assemble(),
            5 => {
                let ack = self.dice.any(&mut self.acks);
                let again = ack.and_then(|ack| self.planning.landed(&ack));
                self.unplanned.extend(again);
            }
            _ => {
                let finished = self.dice.any(&mut self.finished);
                finished.into_iter().for_each(|(ticket, _)| self.release(&ticket));
            }
        }
    }

    fn release(&mut self, ticket: &Ticket) {
        self.dispatcher.release(ticket, NOW);
    }

    fn emit(&mut self) {
        let Some((ticket, event)) = self.dispatcher.next(NOW) else { return };
        match event.lane {
            Lane::Fast => self.fast.push(ticket),
            Lane::Slow => {
                let attempt = [Attempt::Whole, Attempt::InShards][self.dice.below(2)];
                let scan = Unplanned { held: (), ticket, event, attempt };
                match attempt {
                    Attempt::Whole => self.planning.begin_whole(scan),
                    Attempt::InShards | Attempt::Again => self.unplanned.push(scan),
                }
            }
        }
    }

    /// A scan is planned, or its asset has vanished; then what the window lets out is out.
    fn plan(&mut self) {
        if let Some(scan) = self.dice.any(&mut self.unplanned) {
            if self.dice.below(10) == 0 {
                self.release(&scan.ticket);
            } else {
                let ends = (0..self.dice.below(5)).map(|end| format!("{end}.test")).collect();
                let (kind, config_version) = (AssetKind::Zone, ConfigVersion(1));
                self.planning.begin(scan, &Shards { kind, config_version, records: 9, ends });
            }
        }
        let out = std::iter::from_fn(|| self.planning.next(|_, _| {}));
        self.parts.extend(out.map(|((), part)| part));
    }

    /// A part is read and judged, or not: a time-out, another version, a check that panics.
    fn read(&mut self) {
        let Some(mut part) = self.dice.any(&mut self.parts) else { return };
        let read = match self.dice.below(6) {
            _ if part.is_skipped => Read::Skipped,
            0 => Read::Changed,
            1 if part.plan.is_some() => Read::Failed,
            1 => Read::Changed,
            _ => Read::Whole,
        };
        if read == Read::Whole {
            let (kind, config_version) = (AssetKind::Zone, ConfigVersion(1));
            part.plan = Some(Plan { kind, config_version });
        }
        let zone = ZoneSnapshot::from_text(part.event.asset, "test", "@ A 10.0.0.1");
        let snapshot = (read == Read::Whole).then_some(Snapshot::Zone(zone));
        let panicked = self.dice.below(3) == 0;
        let verdicts = match read {
            Read::Whole if panicked => vec![(0, Verdict::unknown(UnknownReason::Panicked))],
            Read::Whole => vec![(0, Verdict::Pass)],
            _ => Vec::new(),
        };
        let case = LoadedPart { part, read, snapshot, load: Duration::ZERO };
        self.chunks.push(case.end(ALL, verdicts, Duration::ZERO, &self.meter, NOW));
    }

    fn assemble(&mut self) {
        let Some(mut chunks) = self.dice.any(&mut self.chunks) else { return };
        let Chunk { part, findings, end } = chunks.remove(0);
        if !chunks.is_empty() {
            self.chunks.push(chunks);
        }
        if let Some(end) = &end {
            let is_changed = matches!(end.read, Read::Changed | Read::Skipped);
            self.acks.push(PartAck { ticket: part.ticket, home: part.home, is_changed });
        }
        let assembling = self.assembling.entry(part.scan());
        let assembling = assembling.or_insert_with(|| Assembling::new(ALL, part.of));
        if assembling.add(&part, findings, end) {
            let whole = self.assembling.remove(&part.scan()).expect("it was there");
            self.finished.extend(whole.conclude(&part));
        }
    }

    fn is_over(&self) -> bool {
        self.dispatcher.is_over()
    }
}

/// A ticket that came twice would panic; one that never came would never let it end.
#[test]
fn each_ticket_comes_back_once_whatever_happens_to_its_scan() {
    let meter = Telemetry::default().lane(Lane::Slow, Clock::system());
    for seed in 0..SCHEDULES {
        let mut dice = Dice(seed);
        let (dispatcher, window) = (dispatcher(&mut dice), 1 + dice.below(6) as u64);
        let mut world = World {
            dice,
            dispatcher,
            meter: meter.clone(),
            planning: Planning::new(0, window),
            fast: Vec::new(),
            unplanned: Vec::new(),
            parts: Vec::new(),
            chunks: Vec::new(),
            assembling: HashMap::new(),
            acks: Vec::new(),
            finished: Vec::new(),
        };
        let mut steps = 0;
        while !world.is_over() || !world.acks.is_empty() {
            world.step();
            steps += 1;
            assert!(steps < 1_000_000, "seed {seed}: a ticket is lost");
            assert!(world.parts.len() as u64 <= window, "seed {seed}: more is out than the window");
        }
        let World { dispatcher, planning, assembling, .. } = &world;
        assert_eq!(dispatcher.open_tickets(), 0, "seed {seed}");
        let left = (planning.out, planning.scans.len(), assembling.len());
        assert_eq!(left, (0, 0, 0), "seed {seed}: what is left of scans that are over");
    }
}

#[test]
fn giants_that_somebody_waits_for_and_those_that_are_scheduled_take_turns() {
    let mut planning = Planning::new(0, 16);
    for (number, origin) in [(1, Origin::Request), (2, Origin::Request), (3, Origin::Agenda)] {
        let ticket = Ticket {
            number,
            owner: 0,
            weight: 1,
            emitted_at: NOW,
            since: NOW,
            spent: Spent::default(),
            handed_over: None,
            origin,
        };
        let event = ScanEvent {
            asset: AssetId(1),
            sequence: ScanSequence(1),
            checks: Asked::All,
            reason: Reason::Scheduled,
            scheduled_at: NOW,
            cost: Cost::default(),
            lane: Lane::Slow,
        };
        let ends = ["a.test", "b.test"].map(str::to_owned).to_vec();
        let (kind, config_version) = (AssetKind::Zone, ConfigVersion(1));
        let shards = Shards { kind, config_version, records: 9, ends };
        let scan = Unplanned { held: (), ticket, event, attempt: Attempt::InShards };
        planning.begin(scan, &shards);
    }
    let out = std::iter::from_fn(|| planning.next(|_, _| {})).map(|((), part)| part.ticket.number);
    assert_eq!(out.collect::<Vec<_>>(), [1, 3, 2, 3, 1, 3, 2, 1, 2]);
}

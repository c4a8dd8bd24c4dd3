//! What the schedule promises, over random fleets and days of virtual time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use scanflow::lanes::Lanes;
use scanflow::model::{AssetId, Lane, UnixTime};
use scanflow::schedule::{Agenda, Cadences, First, Front, Listed, Pacing, Taken};

mod fairness;
mod flatness;
mod lost;
mod promises;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const START: UnixTime = UnixTime::from_micros(10_000 * 86_400_000_000);

/// A number that looks random, the same for the same `key`.
fn mix(key: u64) -> u64 {
    AssetId(key.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed()).route()
}

/// A share of `length`, by a hash of `key`.
fn part(length: Duration, key: u64) -> Duration {
    length.mul_f64((mix(key) >> 11) as f64 / (1_u64 << 53) as f64)
}

fn before(length: Duration) -> UnixTime {
    START.before(length).expect("a time after 1970")
}

fn cadences(plans: &[(&str, Duration)]) -> Cadences {
    Cadences::with(plans.iter().map(|(plan, cadence)| ((*plan).to_owned(), *cadence)))
}

fn agenda(cadences: &Cadences) -> Agenda {
    let mut agenda = Agenda::new(cadences.clone(), Lanes::default(), START);
    agenda.paced(Pacing::ByNeed, Front::Early);
    agenda
}

/// One that was scanned so long ago; of small accounts.
fn scanned(asset: i64, plan: &str, ago: Duration) -> Listed {
    Listed {
        asset: AssetId(asset),
        account: AssetId(-1 - asset / 3),
        plan: plan.to_owned(),
        scheduled_at: Some(before(ago)),
        records: 3,
        measured: None,
    }
}

/// Assets of ages that are even by a hash, up to the time by which a scan has to go out.
fn even(agenda: &mut Agenda, assets: i64, plans: &[(&str, Duration)], seed: u64) {
    for asset in 0..assets {
        let key = asset.unsigned_abs() ^ seed;
        let (plan, cadence) = plans[mix(key) as usize % plans.len()];
        let ago = part(cadence.mul_f64(0.98), key ^ 0xabcd);
        agenda.insert(&scanned(asset, plan, ago), START);
    }
}

/// A scan that went out, and how long after the last one of its asset.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Went {
    at: UnixTime,
    asset: i64,
    after: Duration,
}

/// Plays source, lanes and sinks: a scan is complete a while after it went out.
struct World {
    agenda: Agenda,
    latency: Duration,
    under_way: VecDeque<(UnixTime, Taken, UnixTime)>,
    last: HashMap<i64, UnixTime>,
}

impl World {
    fn new(agenda: Agenda, last: HashMap<i64, UnixTime>, latency: Duration) -> World {
        World { agenda, latency, under_way: VecDeque::new(), last }
    }

    /// With the ages that [`even`] gives.
    fn even(cadences: &Cadences, assets: i64, plans: &[(&str, Duration)], seed: u64) -> World {
        let mut agenda = agenda(cadences);
        even(&mut agenda, assets, plans, seed);
        let last = (0..assets).map(|asset| {
            let key = asset.unsigned_abs() ^ seed;
            let (_, cadence) = plans[mix(key) as usize % plans.len()];
            (asset, before(part(cadence.mul_f64(0.98), key ^ 0xabcd)))
        });
        World::new(agenda, last.collect(), SECOND)
    }

    fn step(&mut self, now: UnixTime) -> Vec<Went> {
        while let Some((_, taken, at)) = self.under_way.pop_front_if(|(until, ..)| *until <= now) {
            self.agenda.scanned(taken, at, true);
        }
        self.agenda.pace(now);
        let mut went = Vec::new();
        while let Some(First { asset, .. }) = self.launch(now) {
            let last = self.last.insert(asset.0, now);
            let after = last.map_or(Duration::ZERO, |last| now.since(last));
            went.push(Went { at: now, asset: asset.0, after });
        }
        went
    }

    fn launch(&mut self, now: UnixTime) -> Option<First> {
        let first = Lane::ALL.into_iter().find_map(|lane| self.agenda.first(lane, now))?;
        let taken = self.agenda.take(&first, now);
        self.under_way.push_back((now + self.latency, taken, now));
        Some(first)
    }

    fn run(&mut self, from: UnixTime, length: Duration, step: Duration) -> Vec<Went> {
        let steps = (length.as_micros() / step.as_micros()) as u32;
        (0..steps).flat_map(|n| self.step(from + step * n)).collect()
    }
}

/// The most that went out in a part of the time, by the mean; the first `skipped` parts do not count.
fn peak_over_mean(went: &[Went], from: UnixTime, part: Duration, skipped: usize) -> f64 {
    let mut parts: Vec<f64> = Vec::new();
    for scan in went {
        let part = (scan.at.since(from).as_micros() / part.as_micros()) as usize;
        parts.resize(parts.len().max(part + 1), 0.0);
        parts[part] += 1.0;
    }
    let counted = &parts[skipped..];
    let mean = counted.iter().sum::<f64>() / counted.len() as f64;
    counted.iter().copied().fold(0.0, f64::max) / mean
}

//! When each asset is due. A first version: rings of one-minute slots will replace the ordered set,
//! behind the same methods.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::plans::{PlanId, Plans};
use super::{Cadences, PlanProgress};
use crate::lanes::{Expected, Lanes, predict};
use crate::model::{AssetId, Cost, Lane, PerLane, UnixTime};

/// A scan is due when this share of the cadence has passed, so that it is over in time.
const DUE_PERCENT: u32 = 98;
/// And up to so much earlier, by a hash: assets that were scanned together drift apart.
const JITTER_PER_MILLE: u32 = 5;

/// An asset as the schedule has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub asset: AssetId,
    pub plan: String,
    /// When the last completed scan was emitted; None if there was none.
    pub scheduled_at: Option<UnixTime>,
    pub records: u64,
}

/// What has become of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetChange {
    /// It is new, or has another plan.
    Listed(Listed),
    Removed(AssetId),
}

/// Every asset that is not under way, in the order of its due time.
#[derive(Debug)]
pub struct Agenda {
    cadences: Cadences,
    lanes: Lanes,
    entries: HashMap<AssetId, Entry>,
    waiting: PerLane<BTreeSet<Key>>,
    plans: Plans,
}

/// There is one an asset, for millions of them.
#[derive(Debug)]
struct Entry {
    due: UnixTime,
    /// When its last scan was emitted; [`NEVER`] if there was none.
    scheduled_at: UnixTime,
    time_us: u32,
    weight: u32,
    plan: PlanId,
    lane: Lane,
}

impl Entry {
    fn scheduled_at(&self) -> Option<UnixTime> {
        (self.scheduled_at != NEVER).then_some(self.scheduled_at)
    }

    fn key(&self, asset: AssetId) -> Key {
        Key { due: self.due, hash: shuffle(asset), asset }
    }
}

/// What waits and is due.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    pub never_scanned: usize,
    /// Scanned before, and due.
    pub due: usize,
    /// Of those: the cadence is over.
    pub overdue: usize,
    /// The smallest constant rate that keeps every promise of the due ones that can still be kept.
    pub need_per_second: f64,
}

/// When an asset that was never scanned is due: always.
const NEVER: UnixTime = UnixTime::from_micros(0);
/// When all others are that shall be scanned now, whatever their cadence.
const AT_ONCE: UnixTime = UnixTime::from_micros(1);

/// Of assets that are due at once a hash decides, so that neighbours in the database are not
/// written together (a full page would take away their HOT updates).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    due: UnixTime,
    hash: u64,
    asset: AssetId,
}

impl Agenda {
    pub fn new(cadences: Cadences, lanes: Lanes) -> Agenda {
        Agenda {
            cadences,
            lanes,
            entries: HashMap::new(),
            waiting: PerLane::default(),
            plans: Plans::default(),
        }
    }

    /// Adds an asset, or tells what has changed about one. It waits from now on.
    ///
    /// A stamp from the future was made before a clock was set back: it says that there was a scan,
    /// not when. So the next one is due at once, at the rate that the cadences need.
    pub fn insert(&mut self, listed: &Listed, now: UnixTime) {
        self.remove(listed.asset);
        let plan = self.plans.id(&listed.plan, &self.cadences);
        let scheduled_at = listed.scheduled_at.map(|at| at.min(now));
        self.plans.add(plan, scheduled_at);
        let cadence = self.plans.cadence(plan);
        let expected = Expected { records: listed.records, probes: 0 };
        let Cost { time, weight } = predict(expected);
        let lane = self.lanes.choose(Cost { time, weight }, expected.probes);
        let entry = Entry {
            due: match listed.scheduled_at {
                None => NEVER,
                Some(at) if now < at => AT_ONCE,
                Some(at) => due(listed.asset, at, cadence),
            },
            scheduled_at: scheduled_at.unwrap_or(NEVER),
            time_us: u32::try_from(time.as_micros()).unwrap_or(u32::MAX),
            weight,
            plan,
            lane,
        };
        self.waiting[lane].insert(entry.key(listed.asset));
        self.entries.insert(listed.asset, entry);
    }

    pub fn remove(&mut self, asset: AssetId) {
        if let Some(entry) = self.entries.remove(&asset) {
            self.waiting[entry.lane].remove(&entry.key(asset));
            self.plans.remove(entry.plan, entry.scheduled_at());
        }
    }

    /// The asset of the lane that is due first, with that time.
    pub fn first(&self, lane: Lane) -> Option<(AssetId, UnixTime, Cost)> {
        let key = self.waiting[lane].first()?;
        let Entry { time_us, weight, .. } = *self.entries.get(&key.asset)?;
        let time = Duration::from_micros(u64::from(time_us));
        Some((key.asset, key.due, Cost { time, weight }))
    }

    pub fn was_scanned(&self, asset: AssetId) -> bool {
        self.entries.get(&asset).is_some_and(|entry| entry.scheduled_at().is_some())
    }

    /// Takes an asset out of those that wait, until [`Agenda::rearm`].
    pub fn take(&mut self, asset: AssetId) {
        if let Some(entry) = self.entries.get(&asset) {
            self.waiting[entry.lane].remove(&entry.key(asset));
        }
    }

    /// An asset waits again, counted from when it was emitted. One that was removed meanwhile does
    /// not.
    pub fn rearm(&mut self, asset: AssetId, scheduled_at: UnixTime) {
        self.scanned(asset, scheduled_at);
        if let Some(entry) = self.entries.get_mut(&asset) {
            entry.due = due(asset, scheduled_at, self.plans.cadence(entry.plan));
            self.waiting[entry.lane].insert(entry.key(asset));
        }
    }

    /// An asset was scanned, and waits no more than before.
    pub fn scanned(&mut self, asset: AssetId, scheduled_at: UnixTime) {
        if let Some(entry) = self.entries.get_mut(&asset) {
            self.plans.remove(entry.plan, entry.scheduled_at());
            self.plans.add(entry.plan, Some(scheduled_at));
            entry.scheduled_at = scheduled_at;
        }
    }

    /// Makes every waiting asset due now.
    pub fn make_all_due(&mut self) {
        for lane in Lane::ALL {
            let waiting = std::mem::take(&mut self.waiting[lane]);
            for key in waiting {
                if let Some(entry) = self.entries.get_mut(&key.asset) {
                    entry.due = entry.due.min(AT_ONCE);
                    self.waiting[lane].insert(entry.key(key.asset));
                }
            }
        }
    }

    /// Parts assets that were scanned together: each is due at a moment between now and when it would
    /// be due, which a hash chooses. A herd becomes an even flow, and no promise is broken.
    pub fn spread(&mut self, now: UnixTime) {
        for lane in Lane::ALL {
            let waiting = std::mem::take(&mut self.waiting[lane]);
            for key in waiting {
                if let Some(entry) = self.entries.get_mut(&key.asset) {
                    let share = (key.hash >> 11) as f64 / (1_u64 << 53) as f64;
                    let earlier = now + entry.due.since(now).mul_f64(share);
                    entry.due = entry.due.min(earlier);
                    self.waiting[lane].insert(entry.key(key.asset));
                }
            }
        }
    }

    /// Forgets what is due after `now`.
    pub fn keep_due(&mut self, now: UnixTime) {
        for lane in Lane::ALL {
            self.waiting[lane].retain(|key| key.due <= now);
        }
    }

    /// Forgets all that waits, and returns how many that were.
    pub fn clear(&mut self) -> usize {
        let waiting = Lane::ALL.map(|lane| std::mem::take(&mut self.waiting[lane]).len());
        waiting.into_iter().sum()
    }

    pub fn waiting(&self, lane: Lane) -> usize {
        self.waiting[lane].len()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Looks at everything that is due; what was never scanned is only counted.
    pub fn backlog(&self, now: UnixTime) -> Backlog {
        let mut backlog = Backlog::default();
        for lane in Lane::ALL {
            let (mut ahead, mut need) = (0u32, 0.0f64);
            let mut due = self.waiting[lane].iter().take_while(|key| key.due <= now).peekable();
            while due.next_if(|key| key.due == NEVER).is_some() {
                backlog.never_scanned += 1;
            }
            for key in due {
                let Some(entry) = self.entries.get(&key.asset) else { continue };
                let Some(scheduled_at) = entry.scheduled_at() else { continue };
                backlog.due += 1;
                ahead += 1;
                let left = (scheduled_at + self.plans.cadence(entry.plan)).since(now);
                if left.is_zero() {
                    backlog.overdue += 1;
                } else {
                    need = need.max(f64::from(ahead) / left.as_secs_f64());
                }
            }
            backlog.need_per_second += need;
        }
        backlog
    }

    /// How fresh the assets of each plan are, by name.
    pub fn plans(&self, now: UnixTime) -> Vec<PlanProgress> {
        self.plans.progress(now)
    }

    /// The part of the shortest cadence between due and promised.
    pub fn slack_min(&self) -> Duration {
        self.plans.cadence_min().unwrap_or_default() / 100 * (100 - DUE_PERCENT)
    }

    /// Scans a second that keep every promise in the long run: the sum of count / cadence.
    pub fn nominal_per_second(&self) -> f64 {
        self.plans.nominal_per_second()
    }
}

/// Not the order of [`AssetId::route`], in which imports write rows.
fn shuffle(asset: AssetId) -> u64 {
    asset.route().wrapping_mul(0x9e37_79b9_7f4a_7c15).swap_bytes()
}

fn due(asset: AssetId, scheduled_at: UnixTime, cadence: Duration) -> UnixTime {
    let jitter_max = cadence / 1_000 * JITTER_PER_MILLE;
    let mixed = asset.route() ^ scheduled_at.as_micros().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let share = (mixed >> 32) as u32;
    let jitter = Duration::from_secs_f64(
        jitter_max.as_secs_f64() * f64::from(share) / (f64::from(u32::MAX) + 1.0),
    );
    scheduled_at + (cadence / 100 * DUE_PERCENT).saturating_sub(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOON: UnixTime = UnixTime::from_micros(1_000_000_000_000);

    fn agenda(assets: &[(i64, &str, Option<UnixTime>)]) -> Agenda {
        let mut agenda = Agenda::new(Cadences::default(), Lanes::default());
        for (asset, plan, scheduled_at) in assets {
            let (asset, plan) = (AssetId(*asset), (*plan).to_owned());
            let scheduled_at = *scheduled_at;
            agenda.insert(&Listed { asset, plan, scheduled_at, records: 3 }, NOON);
        }
        agenda
    }

    #[test]
    fn due_a_little_before_the_cadence_is_over_and_never_scanned_ones_first() {
        let agenda = agenda(&[(1, "enterprise", Some(NOON)), (2, "free", None)]);
        assert_eq!(agenda.first(Lane::Fast).expect("one").0, AssetId(2));
        let backlog = |now| agenda.backlog(now);
        let waits = Backlog { never_scanned: 1, ..Backlog::default() };
        assert_eq!(backlog(NOON + DAY * 97 / 100), waits);
        let need = Backlog { due: 1, need_per_second: 0.5, ..waits };
        assert_eq!(backlog(NOON + (DAY - Duration::from_secs(2))), need);
        assert_eq!(backlog(NOON + DAY), Backlog { due: 1, overdue: 1, ..waits });
    }

    #[test]
    fn a_stamp_from_the_future_is_due_at_once_and_breaks_no_promise() {
        let mut agenda = agenda(&[(1, "enterprise", Some(NOON + DAY)), (2, "free", None)]);
        assert_eq!(agenda.first(Lane::Fast).expect("one").0, AssetId(2));
        let backlog = agenda.backlog(NOON);
        assert_eq!((backlog.never_scanned, backlog.due, backlog.overdue), (1, 1, 0));
        agenda.take(AssetId(1));
        agenda.rearm(AssetId(1), NOON);
        let due = |now| agenda.backlog(now).due;
        assert_eq!((due(NOON + DAY * 97 / 100), due(NOON + DAY * 98 / 100)), (0, 1));
    }

    #[test]
    fn an_asset_under_way_waits_again_after_its_return_unless_it_was_removed() {
        let mut agenda = agenda(&[(1, "enterprise", None), (2, "enterprise", None)]);
        agenda.take(AssetId(1));
        agenda.take(AssetId(2));
        assert_eq!(agenda.waiting(Lane::Fast), 0);
        agenda.remove(AssetId(2));
        agenda.rearm(AssetId(1), NOON);
        agenda.rearm(AssetId(2), NOON);
        assert_eq!(agenda.waiting(Lane::Fast), 1);
        let due = |now| agenda.backlog(now).due;
        assert_eq!((due(NOON), due(NOON + DAY)), (0, 1));
    }

    #[test]
    fn a_herd_that_is_spread_is_due_evenly_and_never_later() {
        let herd: Vec<_> = (1..=1_000).map(|asset| (asset, "enterprise", Some(NOON))).collect();
        let mut agenda = agenda(&herd);
        let (asset, plan) = (AssetId(1_001), "free".into());
        agenda.insert(&Listed { asset, plan, scheduled_at: None, records: 3 }, NOON);
        agenda.spread(NOON);
        let due = |hours: u32| agenda.backlog(NOON + Duration::from_secs(3_600) * hours).due;
        assert_eq!(agenda.backlog(NOON).never_scanned, 1, "stays due at once");
        assert_eq!((due(0), due(24)), (0, 1_000));
        for hours in [6, 12, 18] {
            let expected = 1_000.0 * f64::from(hours) / (24.0 * 0.98);
            let found = due(hours) as f64;
            assert!((found - expected).abs() < 60.0, "{found} in {hours} h");
        }
    }

    #[test]
    fn a_plan_without_a_cadence_counts_as_free() {
        let agenda = agenda(&[(1, "gold", Some(NOON)), (2, "free", Some(NOON))]);
        let due = |now| agenda.backlog(now).due;
        assert_eq!((due(NOON + 6 * DAY), due(NOON + 7 * DAY)), (0, 2));
        let nominal = agenda.nominal_per_second() * (7 * DAY).as_secs_f64();
        assert!((nominal - 2.0).abs() < 1e-9, "{nominal}");
    }
}

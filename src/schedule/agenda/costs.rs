//! What scans cost, learned as they come back, and the lanes that follow from it.
//!
//! The lane of an asset is decided when it is listed, when a scan of it was measured and when its size
//! has changed, and kept beside it: whoever emits a scan only reads it.

use std::time::Duration;

use super::asset::{Asset, State};
use super::flow::FlowId;
use super::{Agenda, Taken};
use crate::lanes::{Border, Coefficients, Threshold, WorkPerSecond};
use crate::model::{Asked, Cost, CostClass, Lane, PerLane, Spent};

/// How assets and their work are spread over the lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LaneSplit {
    /// A scan that costs more is slow.
    pub threshold: Duration,
    pub assets: PerLane<u64>,
    /// Parts of all work; none of both if there is none.
    pub work: PerLane<f64>,
    pub coefficients: Coefficients,
}

impl LaneSplit {
    pub(crate) fn new(border: Border, coefficients: Coefficients) -> LaneSplit {
        let threshold = Duration::from_secs_f64(border.us() / 1e6);
        LaneSplit { threshold, coefficients, ..LaneSplit::default() }
    }

    /// Assets that are so much work, all together.
    pub(crate) fn add(&mut self, lane: Lane, assets: u64, work: f64) {
        self.assets[lane] += assets;
        self.work[lane] += work;
    }

    /// When all were added.
    pub(crate) fn as_parts(mut self) -> LaneSplit {
        let total = self.work.fast + self.work.slow;
        if 0.0 < total {
            self.work = PerLane::from_fn(|lane| self.work[lane] / total);
        }
        self
    }
}

impl Agenda {
    /// The scan that is under way has met more or fewer records than were known.
    pub fn resize(&mut self, taken: Taken, records: u64) {
        let mut as_met = self.assets.get(taken.0);
        if as_met.is_removed() {
            return;
        }
        as_met.set_records(records);
        self.relist(taken.0, as_met);
    }

    /// A scan of all checks is over and took that. Before [`Agenda::scanned`], which puts the asset into
    /// the lane that it has from now on.
    pub fn measured(&mut self, taken: Taken, spent: Spent) {
        let mut asset = self.assets.get(taken.0);
        if asset.is_removed() || !spent.is_whole() {
            return;
        }
        let expected = asset.expected();
        let prior_us = self.model.prior_us(expected.records, expected.probes);
        let cost = expected.history.after(spent.total_us(), prior_us);
        self.model.observe(expected, spent);
        let (id, lane) = (asset.flow(), self.border.keep(asset.lane(), cost.us()));
        if lane == asset.lane() {
            let work = &mut self.flow_mut(id).work;
            work.remove(asset.cost_class());
            work.add(cost);
            asset.set_cost(cost, true);
        } else {
            self.count_out(asset);
            asset.set_cost(cost, true);
            asset.set_flow(FlowId { lane, ..id });
            self.count_in(asset);
        }
        self.assets.set(taken.0, asset);
    }

    /// The lane that a scan had better have taken, which took this one and cost that.
    pub fn better_lane(&self, lane: Lane, spent: Spent) -> Option<Lane> {
        let better = self.border.keep(lane, spent.total_us());
        (spent.is_whole() && better != lane).then_some(better)
    }

    /// Of some checks; of as many as there are it is the cost of all.
    pub fn cost_of(&self, taken: Taken, asked: &Asked, checks: usize) -> Cost {
        let expected = self.assets.get(taken.0).expected();
        match asked {
            Asked::All => self.model.predict(expected),
            Asked::Only(asked) => {
                self.model.predict_part(expected, asked.len() as f64 / checks.max(1) as f64)
            }
        }
    }

    /// The asset with its size as it is listed now, and what follows from that.
    pub(super) fn resized(&self, mut asset: Asset, listed_as: Asset) -> Asset {
        let (before, after) = (asset.records(), listed_as.records());
        if before == after {
            return asset;
        }
        let history = asset.history();
        let cost = match history.is_known() {
            true => self.model.resized(history, before, after),
            false => CostClass::of_us(self.model.prior_us(after, 0)),
        };
        asset.set_size_of(listed_as);
        asset.set_cost(cost, history.is_known());
        let lane = self.border.keep(asset.lane(), cost.us());
        asset.set_flow(FlowId { lane, ..asset.flow() });
        asset
    }

    /// Of an asset that was in that lane before. While a fleet is listed it is not known yet what is slow in
    /// it; later it moves with its next scan.
    pub(super) fn lane_again(&self, lane: Lane, cost: CostClass) -> Lane {
        match self.lanes.slow_predicted_ms_min {
            Threshold::Millis(_) => self.border.keep(lane, cost.us()),
            Threshold::Auto => lane,
        }
    }

    /// Follows the work that there is, if the threshold does.
    pub(super) fn set_border(&mut self) {
        if self.lanes.slow_predicted_ms_min == Threshold::Auto {
            let work = self.work_per_second();
            self.border = self.lanes.border_of(&work, self.border);
        }
    }

    /// Once the fleet is known: puts all assets that wait where they belong. Later they move one by one.
    pub(super) fn settle(&mut self) {
        if self.lanes.slow_predicted_ms_min != Threshold::Auto {
            return;
        }
        self.set_border();
        for index in 0..self.assets.places() {
            let mut asset = self.assets.get(index);
            let us = asset.cost_class().us();
            let lane = match asset.history().is_known() {
                true => self.border.keep(asset.lane(), us),
                false => self.border.choose(us, 0),
            };
            // One that waits at another place than its stamp says would lose it.
            let may_move = asset.state() == State::Waiting && !asset.is_moved();
            if !asset.is_listed() || lane == asset.lane() || !may_move {
                continue;
            }
            self.leave(asset);
            self.count_out(asset);
            asset.set_flow(FlowId { lane, ..asset.flow() });
            self.count_in(asset);
            self.assets.set(index, asset);
            self.wait_anew(index);
        }
    }

    fn work_per_second(&self) -> WorkPerSecond {
        let mut work = WorkPerSecond::default();
        for id in self.flow_ids() {
            let cadence = self.plans.terms(id.plan).cadence();
            work.add(&self.flow(id).work, cadence.as_secs_f64());
        }
        work
    }

    /// As it is now.
    pub fn lane_split(&self) -> LaneSplit {
        let mut split = LaneSplit::new(self.border, self.model.coefficients());
        for id in self.flow_ids() {
            let (flow, cadence) = (self.flow(id), self.plans.terms(id.plan).cadence());
            let work = flow.work.total_us() / cadence.as_secs_f64();
            split.add(id.lane, flow.assets as u64, work);
        }
        split.as_parts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Lanes;
    use crate::model::{AssetId, Measured, UnixTime};
    use crate::schedule::{Cadences, Filling, Front, Listed, Pacing};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOON: UnixTime = UnixTime::from_micros(100 * 86_400_000_000);

    fn listed(asset: i64, records: u64, measured: Option<(f64, Lane)>) -> Listed {
        let (asset, plan) = (AssetId(asset), "enterprise".to_owned());
        let measured = measured.map(|(us, lane)| Measured { cost: CostClass::of_us(us), lane });
        let scheduled_at = NOON.before(DAY);
        Listed { asset, account: asset, plan, scheduled_at, records, measured }
    }

    fn agenda(lanes: Lanes, fleet: impl IntoIterator<Item = Listed>) -> Agenda {
        let mut agenda = Agenda::new(Cadences::default(), lanes, NOON);
        agenda.paced(Pacing::Open, Front::Due);
        let mut filling = Filling::new(agenda);
        fleet.into_iter().for_each(|listed| filling.insert(&listed, NOON));
        filling.filled()
    }

    fn auto(slow_share: f64) -> Lanes {
        Lanes { slow_predicted_ms_min: Threshold::Auto, slow_share }
    }

    fn spent(us: u32) -> Spent {
        Spent { load_us: us / 2, check_us: us / 4, write_us: us / 4 }
    }

    /// A scan of the asset that goes out next in the lane.
    fn scan(agenda: &mut Agenda, lane: Lane, us: u32, at: UnixTime) -> Cost {
        let first = agenda.first(lane, at).expect("it is due");
        let taken = agenda.take(&first, at);
        agenda.measured(taken, spent(us));
        agenda.scanned(taken, at, true);
        first.cost
    }

    fn waiting(agenda: &Agenda) -> [usize; 2] {
        Lane::ALL.map(|lane| agenda.waiting(lane))
    }

    #[test]
    fn an_asset_follows_what_its_scans_cost_into_the_other_lane_and_back() {
        let mut agenda = agenda(Lanes::default(), [listed(1, 100, None)]);
        let prior = Duration::from_micros(520);
        let first = scan(&mut agenda, Lane::Fast, 8_000, NOON);
        assert!((first.time.as_secs_f64() / prior.as_secs_f64() - 1.0).abs() < 0.05, "{first:?}");
        let mut now = NOON + DAY;
        let second = scan(&mut agenda, Lane::Fast, 60_000, now);
        let us = second.time.as_secs_f64() * 1e6;
        assert!((us - 8_000.0).abs() < 20.0, "what the first one took: {us}");
        assert_eq!(waiting(&agenda), [0, 1], "13 ms by now");
        for _ in 0..3 {
            now = now + DAY;
            scan(&mut agenda, Lane::Slow, 8_500, now);
            assert_eq!(waiting(&agenda), [0, 1], "about as much as the border: it stays");
        }
        for _ in 0..2 {
            now = now + DAY;
            scan(&mut agenda, Lane::Slow, 4_000, now);
        }
        assert_eq!(waiting(&agenda), [1, 0]);
        assert_eq!((agenda.len(), agenda.backlog(now).due), (1, 0));
    }

    #[test]
    fn a_stored_cost_and_lane_are_where_the_schedule_goes_on() {
        let fleet = [
            listed(1, 10, Some((9_000.0, Lane::Slow))),
            listed(2, 10, Some((9_000.0, Lane::Fast))),
            listed(3, 10, Some((7_000.0, Lane::Slow))),
            listed(4, 10, Some((11_000.0, Lane::Fast))),
        ];
        let mut agenda = agenda(Lanes::default(), fleet);
        let lanes = Lane::ALL.map(|lane| {
            let firsts = std::iter::from_fn(|| {
                let first = agenda.first(lane, NOON)?;
                agenda.take(&first, NOON);
                Some(first.asset.0)
            });
            let mut assets: Vec<i64> = firsts.collect();
            assets.sort_unstable();
            assets
        });
        assert_eq!(lanes, [vec![2, 3], vec![1, 4]]);
    }

    #[test]
    fn history_follows_the_number_of_records() {
        let mut agenda = agenda(Lanes::default(), [listed(1, 100, Some((1_000.0, Lane::Fast)))]);
        agenda.insert(&listed(1, 4_000, None), NOON);
        assert_eq!(waiting(&agenda), [0, 1]);
        let first = agenda.first(Lane::Slow, NOON).expect("it is due");
        let factor = first.cost.time.as_secs_f64() * 1e3;
        assert!((33.0..44.0).contains(&factor), "1 ms x 20 ms / 0.5 ms: {factor}");
        agenda.insert(&listed(1, 100, None), NOON);
        assert_eq!(waiting(&agenda), [1, 0]);
        let split = agenda.lane_split();
        assert_eq!((split.assets.fast, split.work.fast), (1, 1.0), "nothing is left behind");
    }

    #[test]
    fn auto_gives_the_slow_lane_its_share_from_the_start_and_follows() {
        let fleet = |n: i64| listed(n, 0, Some((1_000.0 * f64::from(n as i32), Lane::Fast)));
        let mut agenda = agenda(auto(0.5), (1..=100).map(fleet));
        let split = agenda.lane_split();
        assert!((0.42..=0.5).contains(&split.work.slow), "{split:?}");
        assert!((69..=80).contains(&split.threshold.as_millis()), "{split:?}");
        assert_eq!(waiting(&agenda), [split.assets.fast, split.assets.slow].map(|n| n as usize));
        // The slowest become cheap.
        for day in 0..12 {
            let now = NOON + DAY * day;
            for lane in Lane::ALL {
                while let Some(first) = agenda.first(lane, now) {
                    let n = first.asset.0 as u32;
                    scan(&mut agenda, lane, if 70 < n { 1_000 } else { 1_000 * n }, now);
                }
            }
            agenda.pace(now);
        }
        let after = agenda.lane_split();
        assert!(after.threshold < split.threshold, "{after:?}");
        // Some stay that cost a little less than the threshold.
        assert!((0.3..=0.65).contains(&after.work.slow), "{after:?}");
        assert_eq!(after.assets.fast + after.assets.slow, 100);
    }

    #[test]
    fn what_scans_cost_is_learned_again_from_what_is_stored() {
        let fleet = |n: i64| {
            let records = n.unsigned_abs() % 997;
            listed(n, records, Some((40.0 + 9.0 * records as f64, Lane::Fast)))
        };
        let mut agenda = agenda(Lanes::default(), (1..=20_000).map(fleet));
        agenda.insert(&listed(30_000, 500, None), NOON);
        let split = agenda.lane_split();
        let us = split.coefficients.scan_us + 500.0 * split.coefficients.record_us;
        assert!((us / 4_540.0 - 1.0).abs() < 0.05, "{split:?}");
    }

    #[test]
    fn a_scan_that_nobody_measured_teaches_nothing() {
        let mut agenda = agenda(Lanes::default(), [listed(1, 100, None)]);
        let before = agenda.lane_split();
        scan(&mut agenda, Lane::Fast, 0, NOON);
        assert_eq!(agenda.lane_split(), before);
        assert_eq!(agenda.better_lane(Lane::Slow, Spent::default()), None);
        let vanished = Spent { write_us: 0, ..spent(4_000) };
        assert_eq!(agenda.better_lane(Lane::Slow, vanished), None);
        assert_eq!(agenda.better_lane(Lane::Slow, spent(4_000)), Some(Lane::Fast));
        assert_eq!(agenda.better_lane(Lane::Fast, spent(40_000)), Some(Lane::Slow));
    }
}

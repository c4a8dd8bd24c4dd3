//! A small fleet that a seed decides, and what a plain loop finds in it.

use std::collections::BTreeMap;

use scanflow::checks::{self, Checks};
use scanflow::clock::Clock;
use scanflow::lanes::Lanes;
use scanflow::model::{AssetId, Finding, PerLane, Snapshot, ZoneSnapshot};
use scanflow::schedule::{
    Agenda, Cadences, Dispatcher, Ending, Limits, Listed, Orders, Rate, Settings,
};
use scanflow::sinks::InsightKey;
use scanflow::store::load_with_references;
use scanflow::store::memory::Memory;

pub(crate) type Open = BTreeMap<InsightKey, Finding>;

/// Repeatable pseudo-random numbers: the same seed gives the same fleet.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

pub(crate) fn zones(dice: &mut Dice, count: i64) -> Vec<Snapshot> {
    (0..count).map(|asset| Snapshot::Zone(zone(dice, asset, count))).collect()
}

fn zone(dice: &mut Dice, asset: i64, count: i64) -> ZoneSnapshot {
    let mut lines = String::new();
    for _ in 0..dice.below(8) {
        let owner = dice.pick(&["@", "www", "mail", "shop"]);
        let other = dice.below(count as usize + 2); // some aliases lead out of the fleet
        let content = match dice.below(5) {
            0 => "A 192.0.2.1".to_owned(),
            1 => "MX 10 mail.example".to_owned(),
            2 => "TXT v=spf1 -all".to_owned(),
            3 => "TXT hello".to_owned(),
            _ => format!("CNAME {}.zone{other}.example", dice.pick(&["www", "mail"])),
        };
        lines += &format!("{owner} {content}\n");
    }
    let name = format!("zone{asset}.example");
    let mut zone = ZoneSnapshot::from_text(AssetId(asset), &name, &lines);
    zone.records_complete = dice.below(8) != 0;
    zone
}

/// Assets with their predicted records; few credits, so that they hold back.
pub(crate) fn dispatcher(
    assets: impl IntoIterator<Item = (i64, u64)>,
    sequence_start: u64,
    ending: Ending,
) -> Dispatcher {
    let now = Clock::system().now();
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), now);
    for (asset, records) in assets {
        let (asset, plan) = (AssetId(asset), "free".into());
        let listed =
            Listed { asset, account: asset, plan, scheduled_at: None, records, measured: None };
        agenda.insert(&listed, now);
    }
    let settings = Settings {
        owner: scanflow_dataflows::HOME as u64,
        credits: PerLane { fast: 40, slow: 80 },
        ending,
        rate: Rate::Max,
        buffer: 1.2,
        requests_per_second: 50.0,
        sequence_start,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    Dispatcher::new(settings, agenda, now)
}

/// Records of an asset that is predicted to be fast, and of one that is predicted to be slow.
pub(crate) const FAST: u64 = 100;
pub(crate) const SLOW: u64 = 3_000;

/// What is open after one scan of every asset in the store.
pub(crate) fn by_loop(store: &Memory, assets: &[AssetId], checks: Checks) -> Open {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let loading = load_with_references(store, checks, assets);
    let snapshots = runtime.block_on(loading).expect("memory does not fail");
    let mut open = Open::new();
    for (asset, snapshot) in &snapshots {
        for check in checks {
            for finding in checks::evaluate(*check, snapshot).into_findings() {
                open.insert((*asset, check.about().id.clone(), finding.subject.clone()), finding);
            }
        }
    }
    open
}

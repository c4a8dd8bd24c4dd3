//! Zones in shards, each read by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{SnapshotStore, StoreError};
use crate::checks::{self, Checks};
use crate::model::{
    AssetId, AssetKind, ConfigVersion, NamesBelow, OwnerRange, Records, Shard, Snapshot,
    ZoneSnapshot,
};

/// How an asset is cut. One that is no zone, or a small one, is one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    pub kind: AssetKind,
    pub config_version: ConfigVersion,
    pub records: u64,
    /// The last owner name of each shard but the last one, ascending: an owner is never cut in two, and
    /// no shard is empty unless there are no records.
    pub ends: Vec<String>,
}

impl Shards {
    /// A shard ends with the owner of its `records_max`-th record.
    pub(super) fn of(snapshot: &Snapshot, records_max: usize) -> Shards {
        let mut ends: Vec<String> = Vec::new();
        if let Snapshot::Zone(zone) = snapshot {
            let mut records = 0;
            let mut owners = zone.records.owners().peekable();
            while let Some((owner, set)) = owners.next() {
                records += set.len();
                if records_max <= records && owners.peek().is_some() {
                    ends.push(owner.to_owned());
                    records = 0;
                }
            }
        }
        let (config_version, records) = (snapshot.config_version(), snapshot.records() as u64);
        Shards { kind: snapshot.kind(), config_version, records, ends }
    }
}

/// Loads the shard of a zone with what `checks` ask for of other shards and other zones, if all of it
/// is there at that config version. Of an asset that is no zone it is all there is. None: the asset is
/// at another version, or has vanished.
pub async fn load_shard_with_references(
    store: &dyn SnapshotStore,
    checks: Checks,
    asset: AssetId,
    owners: &OwnerRange,
    config_version: ConfigVersion,
) -> Result<Option<Snapshot>, StoreError> {
    let loaded = store.load_shard(asset, owners).await?;
    let Some(mut snapshot) = loaded.filter(|loaded| loaded.config_version() == config_version)
    else {
        return Ok(None);
    };
    let Snapshot::Zone(zone) = &mut snapshot else { return Ok(Some(snapshot)) };
    let mut shard = Shard { owners: owners.clone(), ..Shard::default() };
    let mut parents = BTreeSet::new();
    checks::refer_below(checks, zone, &mut |parent| {
        parents.insert(parent.to_owned());
    });
    if !parents.is_empty() {
        match store.below(asset, &parents).await? {
            Some((version, below)) if version == config_version => shard.below = below,
            _ => return Ok(None),
        }
    }
    zone.shard = Some(shard);
    let mut asked = BTreeSet::new();
    loop {
        let mut unanswered = BTreeSet::new();
        checks::refer(checks, zone, &mut |name| {
            if !asked.contains(name) {
                unanswered.insert(name.to_owned());
            }
        });
        if unanswered.is_empty() {
            return Ok(Some(snapshot));
        }
        if !answer(store, zone, &unanswered).await? {
            return Ok(None);
        }
        asked.extend(unanswered);
    }
}

/// False: the zone is at another version by now.
async fn answer(
    store: &dyn SnapshotStore,
    zone: &mut ZoneSnapshot,
    names: &BTreeSet<String>,
) -> Result<bool, StoreError> {
    let Some(shard) = &mut zone.shard else { return Ok(true) };
    let others = names.iter().filter(|name| !shard.owners.contains(name));
    let others: BTreeSet<String> = others.cloned().collect();
    if !others.is_empty() {
        let Some((version, mut records)) = store.at(zone.asset, &others).await? else {
            return Ok(false);
        };
        if version != zone.config_version {
            return Ok(false);
        }
        let answers = others.into_iter().map(|name| {
            let records = records.remove(&name).unwrap_or_default();
            (name, records)
        });
        shard.elsewhere.extend(answers);
    }
    let foreign = names.iter().filter(|name| !zone.contains(name));
    let foreign: BTreeSet<String> = foreign.cloned().collect();
    if !foreign.is_empty() {
        let mut resolved = store.resolve(&foreign).await?;
        let answers = foreign.into_iter().map(|name| {
            let reference = resolved.remove(&name).unwrap_or_default();
            (name, reference)
        });
        zone.references.extend(answers);
    }
    Ok(true)
}

pub(super) async fn whole<S: SnapshotStore + ?Sized>(
    store: &S,
    asset: AssetId,
) -> Result<Option<Snapshot>, StoreError> {
    Ok(store.load(&[asset]).await?.remove(&asset))
}

pub(super) fn shard_of(mut snapshot: Snapshot, owners: &OwnerRange) -> Snapshot {
    if let Snapshot::Zone(zone) = &mut snapshot {
        let records = std::mem::take(&mut zone.records).into_vec().into_iter();
        zone.records = records.filter(|record| owners.contains(&record.name)).collect();
    }
    snapshot
}

pub(super) fn at(
    snapshot: &Snapshot,
    names: &BTreeSet<String>,
) -> (ConfigVersion, BTreeMap<String, Records>) {
    let mut held = BTreeMap::new();
    if let Snapshot::Zone(zone) = snapshot {
        for name in names {
            held.insert(name.clone(), zone.records.at(name).iter().cloned().collect());
        }
    }
    (snapshot.config_version(), held)
}

pub(super) fn below(
    snapshot: &Snapshot,
    parents: &BTreeSet<String>,
) -> (ConfigVersion, BTreeMap<String, NamesBelow>) {
    let none = parents.iter().map(|parent| (parent.clone(), NamesBelow::default()));
    let mut below = none.collect();
    if let Snapshot::Zone(zone) = snapshot {
        zone.records.owners().for_each(|(owner, _)| NamesBelow::count(&mut below, owner));
    }
    (snapshot.config_version(), below)
}

//! A zone from its draft.

use std::collections::BTreeMap;

use super::account::Facts;
use super::draft::{Apex, Draft, Place};
use super::expected::Expected;
use super::filling::Filling;
use super::names::{self, Above};
use super::random::{Random, Use};
use super::{Shape, owners};
use crate::inventory::ZoneEntry;
use crate::model::{Dnssec, Record, ZoneSettings, ZoneState};

/// A zone with its records, each once, and what must be found of it.
#[derive(Clone, Debug)]
pub struct Zone {
    pub entry: ZoneEntry,
    pub records: Vec<Record>,
    pub expected: Vec<Expected>,
}

/// What the other zones of an account see of its first one.
#[derive(Clone, Debug)]
pub(super) struct First<'a> {
    pub(super) draft: &'a Draft,
    pub(super) name: String,
}

impl<'a> First<'a> {
    pub(super) fn new(shape: &Shape, facts: &Facts, draft: &'a Draft) -> First<'a> {
        let above = if draft.place == Place::Outside { Above::Outside } else { Above::Example };
        let word = Random::of(shape.seed, Use::Records, facts.index, 0).next();
        First { draft, name: names::zone(word, facts.index, 0, above) }
    }
}

/// Of .gov's delegations 12.5 % are signed.
const SIGNED: f64 = 0.125;

impl Zone {
    pub(super) fn new(shape: &Shape, facts: &Facts, first: &First<'_>, index: u64) -> Zone {
        let own;
        let (draft, first) = match index {
            0 => (first.draft, None),
            _ => {
                own = Draft::of(shape, facts, index, Some(first.draft));
                (&own, Some(first))
            }
        };
        let mut random = Random::of(shape.seed, Use::Records, facts.index, index);
        let above = match (draft.place, first) {
            (Place::First, Some(first)) => Above::Fleet(&first.name),
            (Place::Outside, _) => Above::Outside,
            _ => Above::Example,
        };
        let name = names::zone(random.next(), facts.index, index, above);
        let is_signed = random.chance(SIGNED);
        let mut filling = Filling::new(shape, facts, draft, first, &name, random);
        filling.promised();
        if draft.is_parked {
            facts.template.fill(&mut filling);
        } else {
            owners::fill(&mut filling);
        }
        let (records, expected) = filling.conclude();
        let entry = entry(draft, facts, name, is_signed);
        Zone { entry, records, expected }
    }
}

fn entry(draft: &Draft, facts: &Facts, name: String, is_signed: bool) -> ZoneEntry {
    let tags = draft.is_wildcard_wanted.then(|| "wildcard-ok".to_owned());
    let settings = draft.tls.map(|min_tls_version| ZoneSettings {
        min_tls_version: Some(min_tls_version),
        other: BTreeMap::from([("ssl".to_owned(), "full".into())]),
    });
    let dnssec = draft.tls.map(|_| Dnssec {
        status: if is_signed { "active" } else { "disabled" }.to_owned(),
        other: BTreeMap::new(),
    });
    ZoneEntry {
        external_id: names::zone_id(&name),
        account_id: facts.id.clone(),
        name,
        plan: None,
        state: ZoneState {
            status: draft.status,
            kind: draft.kind,
            paused: None,
            flattens_apex: draft.apex == Apex::Flattened,
            tags: tags.into_iter().collect(),
        },
        settings,
        dnssec,
        records_complete: !facts.is_partial,
    }
}

//! The configuration of one zone at one version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AssetId, ConfigVersion, Facet, Facets, Record, RecordType, Records, Shard};

/// What is known of a zone. Names are lower case, without the final dot, as A-labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSnapshot {
    pub asset: AssetId,
    pub config_version: ConfigVersion,
    pub name: String,
    /// The source's own id of its account.
    pub account: String,
    /// Its own, or else that of its account.
    pub plan: String,
    pub state: ZoneState,
    /// None: the settings are not known.
    pub settings: Option<ZoneSettings>,
    pub dnssec: Option<Dnssec>,
    pub records: Records,
    /// False for a partial view, such as a survey of mail records: then absence proves nothing.
    pub records_complete: bool,
    /// What other zones of the fleet hold at the names that checks asked for.
    pub references: BTreeMap<String, Reference>,
    /// Some: the records are those of a shard of the zone.
    pub shard: Option<Shard>,
}

/// What a provider says of a zone itself. Every field has a value for "not stated".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneState {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ZoneStatus>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ZoneKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// The provider answers a CNAME at the apex with addresses.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub flattens_apex: bool,
    /// Words of the operator, such as `wildcard-ok`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl ZoneState {
    /// A zone whose status nobody stated counts as active.
    pub fn is_active(&self) -> bool {
        self.status.is_none_or(|status| status == ZoneStatus::Active)
    }

    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneStatus {
    Initializing,
    Pending,
    Active,
    Moved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneKind {
    Full,
    Partial,
    Secondary,
    Internal,
}

/// A zone's settings at its provider; None where the source does not state one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneSettings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tls_version: Option<TlsVersion>,
    /// What no built-in check reads, as the source has it.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "1.0")]
    V1_0,
    #[serde(rename = "1.1")]
    V1_1,
    #[serde(rename = "1.2")]
    V1_2,
    #[serde(rename = "1.3")]
    V1_3,
}

impl TlsVersion {
    pub const fn name(self) -> &'static str {
        match self {
            TlsVersion::V1_0 => "1.0",
            TlsVersion::V1_1 => "1.1",
            TlsVersion::V1_2 => "1.2",
            TlsVersion::V1_3 => "1.3",
        }
    }
}

/// What the provider says of a zone's signing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dnssec {
    pub status: String,
    /// Algorithm, key tag, DS and what else the source states.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// What the fleet holds at a name outside of a zone. The answer is that of the active zone with
/// the longest name that the asked name lies under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    pub records: Records,
    /// Whether a zone of the fleet with complete records answers: only then is a name without
    /// records known to have none.
    pub is_complete: bool,
}

impl ZoneSnapshot {
    pub fn facets(&self) -> Facets {
        Facets::of(&[Facet::Records])
            .with(Facet::Settings, self.settings.is_some())
            .with(Facet::Dnssec, self.dnssec.is_some())
    }

    /// Whether `name` is the zone's own name or below it.
    pub fn contains(&self, name: &str) -> bool {
        is_at_or_below(name, &self.name)
    }

    /// What the fleet holds at a name: this zone for its own names, else the references. None: the
    /// fleet does not know, or nobody asked.
    pub fn fleet_at(&self, name: &str) -> Option<&[Record]> {
        if self.contains(name) {
            return self.own_at(name);
        }
        let reference = self.references.get(name)?;
        let records = reference.records.at(name);
        (reference.is_complete || !records.is_empty()).then_some(records)
    }

    /// What the zone itself holds at a name. None: the name is in another shard, and nobody asked.
    pub fn own_at(&self, name: &str) -> Option<&[Record]> {
        match &self.shard {
            Some(shard) if !shard.owners.contains(name) => {
                shard.elsewhere.get(name).map(|records| records.at(name))
            }
            _ => Some(self.records.at(name)),
        }
    }

    /// A complete zone at its first version of which nothing but the records is known, not even
    /// whose it is; for tests and experiments. A line is `name type content`, with a number before the target of an MX; a
    /// name is relative, `@` for the zone itself, or ends with a dot.
    ///
    /// # Panics
    /// If a line is not of that form.
    pub fn from_text(asset: AssetId, name: &str, lines: &str) -> ZoneSnapshot {
        ZoneSnapshot {
            asset,
            config_version: ConfigVersion(1),
            name: name.to_owned(),
            account: String::new(),
            plan: String::new(),
            state: ZoneState::default(),
            settings: None,
            dnssec: None,
            records: lines.trim().lines().map(|line| record(name, line.trim())).collect(),
            records_complete: true,
            references: BTreeMap::new(),
            shard: None,
        }
    }
}

/// Whether `name` is `zone` or ends with it at a label boundary.
pub fn is_at_or_below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A name and its ancestors, down to the last label.
pub fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
}

fn record(zone: &str, line: &str) -> Record {
    let parts = line.split_once(char::is_whitespace).and_then(|(name, rest)| {
        let (kind, content) = rest.trim_start().split_once(char::is_whitespace)?;
        Some((name, kind, content.trim_start()))
    });
    let Some((name, kind, content)) = parts else {
        panic!("{line:?} is not `name type content`");
    };
    let name = match name.strip_suffix('.') {
        Some(full) => full.to_owned(),
        None if name == "@" => zone.to_owned(),
        None => format!("{name}.{zone}"),
    };
    let kind = RecordType::from_name(kind);
    match (&kind, content.split_once(' ')) {
        (RecordType::Mx, Some((priority, target))) => Record {
            priority: Some(priority.parse().unwrap_or_else(|_| panic!("{line:?}: no number"))),
            ..Record::new(name, kind, target.trim())
        },
        _ => Record::new(name, kind, content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_relative_own_and_full_names() {
        let lines = "@ MX 10 a.test\n www  A  192.0.2.1\nx.test. TXT v=spf1 -all";
        let zone = ZoneSnapshot::from_text(AssetId(1), "example.com", lines);
        let names: Vec<&str> = zone.records.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(names, ["example.com", "www.example.com", "x.test"]);
        assert_eq!(zone.records.at("x.test")[0].content, "v=spf1 -all");
        let mail = &zone.records.at("example.com")[0];
        assert_eq!((mail.priority, mail.content.as_str()), (Some(10), "a.test"));
    }

    #[test]
    fn a_name_lies_in_a_zone_at_a_label_boundary() {
        assert!(is_at_or_below("a.example", "example") && is_at_or_below("example", "example"));
        assert!(!is_at_or_below("badexample", "example"));
        assert_eq!(ancestors("a.b.c").collect::<Vec<_>>(), ["a.b.c", "b.c", "c"]);
    }

    #[test]
    fn the_fleet_knows_nothing_where_a_partial_zone_holds_nothing() {
        let mut zone = ZoneSnapshot::from_text(AssetId(1), "a.test", "@ TXT x");
        let set: Records = [Record::new("b.test", RecordType::Txt, "y")].into_iter().collect();
        let partial = Reference { records: set, is_complete: false };
        zone.references.insert("b.test".into(), partial);
        zone.references.insert("c.test".into(), Reference::default());
        assert_eq!(zone.fleet_at("b.test").map(<[_]>::len), Some(1));
        assert_eq!(zone.fleet_at("c.test"), None);
        assert_eq!(zone.fleet_at("none.a.test"), Some(&[][..]));
    }
}

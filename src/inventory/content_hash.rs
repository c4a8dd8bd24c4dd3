//! Tells whether a configuration changed, without reading the stored one.

use std::hash::Hasher;
use std::ops::{Add, AddAssign};

use serde::Serialize;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::{AccountEntry, ZoneEntry};
use crate::model::Record;

/// A sum of SipHash-128 over canonical forms, so that the order of records does not matter. The sum
/// of a zone is that of its own fields and of each of its records; a record that stands twice is
/// counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub u128);

impl Add for ContentHash {
    type Output = ContentHash;
    fn add(self, other: ContentHash) -> ContentHash {
        ContentHash(self.0.wrapping_add(other.0))
    }
}

impl AddAssign for ContentHash {
    fn add_assign(&mut self, other: ContentHash) {
        *self = *self + other;
    }
}

impl ContentHash {
    pub fn of_account(account: &AccountEntry) -> ContentHash {
        let AccountEntry { external_id, name, plan, tags, settings, members } = account;
        let mut form = Form::new(b"account");
        form.text(external_id);
        form.text(name);
        form.optional(plan.as_deref());
        form.json(tags);
        form.json(settings);
        form.json(members);
        form.hash()
    }

    /// That of the zone's own fields. Add the sum of its records to get that of the zone.
    pub fn of_zone(zone: &ZoneEntry) -> ContentHash {
        let ZoneEntry {
            external_id,
            account_id,
            name,
            plan,
            state,
            settings,
            dnssec,
            records_complete,
        } = zone;
        let mut form = Form::new(b"zone");
        form.text(external_id);
        form.text(account_id);
        form.text(name);
        form.optional(plan.as_deref());
        form.json(state);
        form.json(settings);
        form.json(dnssec);
        form.number(u64::from(*records_complete));
        form.hash()
    }

    pub fn of_record(record: &Record) -> ContentHash {
        let Record { name, kind, content, priority, ttl, proxied, private_routing } = record;
        let mut form = Form::new(b"record");
        form.text(name);
        form.text(kind.name());
        form.text(content);
        form.number(priority.map_or(u64::MAX, u64::from));
        form.number(ttl.map_or(u64::MAX, u64::from));
        form.number(proxied.map_or(u64::MAX, u64::from));
        form.number(u64::from(*private_routing));
        form.hash()
    }
}

/// Bytes that we chose, each part with its length: stored hashes outlive the process and the
/// layout of our types.
struct Form(SipHasher24);

impl Form {
    fn new(kind: &[u8]) -> Form {
        // A fixed key: the same content has the same hash in every installation.
        let mut form = Form(SipHasher24::new_with_keys(0x7363_616e_666c_6f77, 1));
        form.bytes(kind);
        form
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.write(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.number(u64::MAX),
        }
    }

    fn number(&mut self, number: u64) {
        self.0.write(&number.to_le_bytes());
    }

    fn json<T: Serialize>(&mut self, value: &T) {
        let text = serde_json::to_vec(value).expect("the keys of our types are strings");
        self.bytes(&text);
    }

    fn hash(self) -> ContentHash {
        ContentHash(self.0.finish128().as_u128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordType;

    #[test]
    fn each_field_of_a_record_counts_and_order_does_not() {
        let record = Record::new("a.test", RecordType::Txt, "x");
        let variants = [
            record.clone(),
            Record { name: "b.test".into(), ..record.clone() },
            Record { kind: RecordType::Other("TYPE1".into()), ..record.clone() },
            Record { content: "y".into(), ..record.clone() },
            Record { priority: Some(0), ..record.clone() },
            Record { ttl: Some(0), ..record.clone() },
            Record { proxied: Some(false), ..record.clone() },
            Record { private_routing: true, ..record },
        ];
        let hashes: std::collections::BTreeSet<ContentHash> =
            variants.iter().map(ContentHash::of_record).collect();
        assert_eq!(hashes.len(), variants.len());
        let sum = |records: &mut dyn Iterator<Item = &Record>| {
            records.map(ContentHash::of_record).fold(ContentHash::default(), ContentHash::add)
        };
        assert_eq!(sum(&mut variants.iter()), sum(&mut variants.iter().rev()));
    }

    /// A change of the algorithm would give every asset of every installation a new version.
    #[test]
    fn the_hash_of_a_record_stays_what_it_is() {
        let mut record = Record::new("a.test", RecordType::Mx, "mail.a.test");
        record.priority = Some(10);
        let expected = ContentHash(179_274_553_800_038_966_907_231_930_291_266_915_890);
        assert_eq!(ContentHash::of_record(&record), expected);
    }

    #[test]
    fn a_zone_without_a_plan_is_not_one_with_an_empty_plan() {
        let zone = |plan: Option<&str>| ZoneEntry {
            external_id: "z".into(),
            account_id: "a".into(),
            name: "a.test".into(),
            plan: plan.map(str::to_owned),
            state: Default::default(),
            settings: None,
            dnssec: None,
            records_complete: true,
        };
        assert_ne!(ContentHash::of_zone(&zone(None)), ContentHash::of_zone(&zone(Some(""))));
    }
}

//! What is stored of the assets of a large flush, as little of each insight as tells what to do.

use std::collections::HashMap;
use std::error::Error;

use bytes::{BufMut, BytesMut};
use futures_util::TryStreamExt;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::part::Part;
use crate::model::{CheckId, Resolution, Severity};
use crate::sinks::spool;
use crate::store::postgres::{DatabaseError, Session, SqlType};

/// Evidence only of what is open: what is not is written anew in any case.
pub(super) const STORED: &str = "select asset_id, check_id, subject, severity,
        case when resolved_at is null then evidence::text end, ctid
    from insights where asset_id = any($1)";

/// The insights of some assets, by the hash of their key: 32 bytes each.
#[derive(Debug, Default)]
pub(super) struct Stored {
    entries: Vec<Entry>,
    /// Of each asset, open ones that the scope does not resolve and that were not found yet.
    kept: HashMap<i64, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u128,
    content: u64,
    block: u32,
    offset: u16,
    state: State,
}

const _: () = assert!(size_of::<Entry>() == 32, "half a million of them are 16 MB");

impl Entry {
    fn place(&self) -> Place {
        Place { block: self.block, offset: self.offset }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Resolved,
    /// Open, and found again or outside of the scope.
    Stays,
    /// Open; resolved unless it is found.
    Missing(Resolution),
}

/// Where a row lies (`ctid`), as long as its asset is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    block: u32,
    offset: u16,
}

/// What a finding is to what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Changed(Place),
    Reopened(Place),
}

impl Stored {
    /// Reads what is stored of these outcomes' assets; `numbers` knows every check of theirs.
    pub(super) async fn read(
        session: &Session,
        parts: &[Part<'_>],
        numbers: &HashMap<CheckId, i16>,
    ) -> Result<Stored, DatabaseError> {
        let assets: Vec<i64> = parts.iter().map(|part| part.scan.asset.0).collect();
        let parts: HashMap<i64, &Part<'_>> =
            parts.iter().map(|part| (part.scan.asset.0, part)).collect();
        let names: HashMap<i16, &CheckId> =
            numbers.iter().map(|(check, number)| (*number, check)).collect();
        let mut stored = Stored::default();
        let mut rows = session.rows(STORED, &[&assets]).await?;
        while let Some(row) = rows.try_next().await? {
            let (asset, check): (i64, i16) = (row.try_get(0)?, row.try_get(1)?);
            let evidence: Option<&str> = row.try_get(4)?;
            let Some(check) = names.get(&check) else {
                // Of a check that none of the outcomes knows.
                *stored.kept.entry(asset).or_default() += usize::from(evidence.is_some());
                continue;
            };
            let (state, content) = match evidence {
                None => (State::Resolved, 0),
                Some(evidence) => {
                    let severity: i16 = row.try_get(3)?;
                    let content = content(severity, evidence);
                    match parts.get(&asset).and_then(|part| part.scope.resolution(check)) {
                        Some(resolution) => (State::Missing(resolution), content),
                        None => {
                            *stored.kept.entry(asset).or_default() += 1;
                            (State::Stays, content)
                        }
                    }
                }
            };
            let key = key(asset, spool::key(check, row.try_get(2)?));
            let Place { block, offset } = row.try_get(5)?;
            stored.entries.push(Entry { key, content, block, offset, state });
        }
        stored.entries.sort_unstable_by_key(|entry| entry.key);
        Ok(stored)
    }

    /// Notes that it was found, so that it is not resolved, and tells what changes by that. To be
    /// asked once for each finding.
    pub(super) fn find(&mut self, asset: i64, row: &spool::Row<'_>) -> Option<Change> {
        if let Some(at) = self.place(asset, row) {
            let entry = &mut self.entries[at];
            match entry.state {
                State::Resolved => {}
                State::Missing(_) => entry.state = State::Stays,
                State::Stays => {
                    if let Some(kept) = self.kept.get_mut(&asset) {
                        *kept -= 1;
                    }
                }
            }
        }
        self.change(asset, row)
    }

    /// What changes by a finding; None: nothing.
    pub(super) fn change(&self, asset: i64, row: &spool::Row<'_>) -> Option<Change> {
        let Some(at) = self.place(asset, row) else { return Some(Change::Opened) };
        let entry = &self.entries[at];
        let (content, place) = (entry.content, entry.place());
        match entry.state {
            State::Resolved => Some(Change::Reopened(place)),
            State::Stays | State::Missing(_) => {
                (content != row.content).then_some(Change::Changed(place))
            }
        }
    }

    fn place(&self, asset: i64, row: &spool::Row<'_>) -> Option<usize> {
        self.entries.binary_search_by_key(&key(asset, row.key), |entry| entry.key).ok()
    }

    /// Whether open insights of the asset stay that were not found.
    pub(super) fn keeps(&self, asset: i64) -> bool {
        self.kept.get(&asset).is_some_and(|kept| *kept != 0)
    }

    /// Those that are to be resolved, after all findings were asked for.
    pub(super) fn missing(&self) -> impl Iterator<Item = (Place, Resolution)> {
        self.entries.iter().filter_map(|entry| match entry.state {
            State::Missing(resolution) => Some((entry.place(), resolution)),
            State::Resolved | State::Stays => None,
        })
    }
}

/// Findings of different assets may have the same key.
fn key(asset: i64, key: u128) -> u128 {
    // A multiplication by an odd number of 128 bits, so that neighbours are far apart.
    const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    key.wrapping_add(u128::from(asset.cast_unsigned()).wrapping_mul(SPREAD))
}

/// As of the finding that it was: Postgres writes jsonb with spaces and keys in an order of its own.
fn content(severity: i16, evidence: &str) -> u64 {
    let severity = usize::try_from(severity).ok().and_then(|at| Severity::ALL.get(at).copied());
    let evidence = serde_json::from_str::<serde_json::Value>(evidence);
    match (severity, evidence) {
        (Some(severity), Ok(evidence)) => spool::content(severity, &evidence.to_string()),
        _ => 0, // differs from what is found, and is written anew
    }
}

impl SqlType for Place {
    const TYPE: Type = Type::TID;
    const ARRAY: Type = Type::TID_ARRAY;
}

impl<'a> FromSql<'a> for Place {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Place, Box<dyn Error + Sync + Send>> {
        let (block, offset) = raw.split_first_chunk().ok_or("a ctid has 6 bytes")?;
        Ok(Place {
            block: u32::from_be_bytes(*block),
            offset: u16::from_be_bytes(offset.try_into()?),
        })
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TID
    }
}

impl ToSql for Place {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u32(self.block);
        out.put_u16(self.offset);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TID
    }

    to_sql_checked!();
}

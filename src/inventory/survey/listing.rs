//! Entries by their ids.

use std::collections::HashMap;

use crate::inventory::Place;

/// An id takes part in an index, whose entries are limited.
const ID_BYTES_MAX: usize = 1_024;

/// What a source lists, in its order; an id stands for one entry.
#[derive(Debug)]
pub(super) struct Listing<E> {
    pub(super) entries: Vec<(Place, E)>,
    /// None: the entry is listed, but bad.
    pub(super) by_id: HashMap<String, (Place, Option<usize>)>,
}

impl<E> Default for Listing<E> {
    fn default() -> Listing<E> {
        Listing { entries: Vec::new(), by_id: HashMap::new() }
    }
}

impl<E> Listing<E> {
    /// Err: why it is not taken.
    pub(super) fn add(&mut self, place: &Place, id: String, entry: E) -> Result<(), String> {
        if let Some((other, _)) = self.by_id.get(&id) {
            return Err(format!("the id {id:?} stands at {other} already"));
        }
        self.by_id.insert(id, (place.clone(), Some(self.entries.len())));
        self.entries.push((place.clone(), entry));
        Ok(())
    }

    /// Lists an id without an entry.
    pub(super) fn reject(&mut self, place: &Place, id: String) {
        self.by_id.entry(id).or_insert_with(|| (place.clone(), None));
    }
}

/// Whether Postgres can hold the texts and the id can be a key.
pub(super) fn storable(id: &str, texts: &[&String], json: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("the id is empty".to_owned());
    }
    if id.len() > ID_BYTES_MAX {
        return Err(format!("the id has {} bytes; {ID_BYTES_MAX} are allowed", id.len()));
    }
    // In JSON a NUL is always escaped.
    if texts.iter().any(|text| text.contains('\0')) || json.contains("\\u0000") {
        return Err("a NUL character cannot be stored".to_owned());
    }
    Ok(())
}

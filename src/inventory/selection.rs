//! The second reading of a source: the record sets that are to be stored, in batches.

use std::collections::HashMap;

use super::gather::{Entry, Gather, Holds, Subject};
use super::{ContentHash, Place, RecordEntry};
use crate::model::{Record, Records};

/// A batch is given out when it holds so many.
const BATCH_ZONES_MAX: usize = 1_000;
const BATCH_RECORDS_MAX: usize = 20_000;

/// The whole record set of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSet {
    pub zone_id: String,
    /// By owner name.
    pub records: Vec<Record>,
}

/// Gathers the record sets of chosen zones and gives them to `give`, which says whether it takes
/// more. A set above the size of a batch is given alone.
///
/// A set counts only if it is what the first reading saw: a file may be written to in between.
pub struct Selection<G> {
    /// What the first reading saw of the zones that are still to come.
    chosen: HashMap<String, ContentHash>,
    current: Option<RecordSet>,
    batch: Vec<RecordSet>,
    batch_records: usize,
    give: G,
    is_ended: bool,
}

impl<G> std::fmt::Debug for Selection<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection").field("to_come", &self.chosen.len()).finish_non_exhaustive()
    }
}

impl<G: FnMut(Vec<RecordSet>) -> bool> Selection<G> {
    pub fn new(chosen: HashMap<String, ContentHash>, give: G) -> Selection<G> {
        let (batch, batch_records, is_ended) = (Vec::new(), 0, false);
        Selection { chosen, current: None, batch, batch_records, give, is_ended }
    }

    /// Gives the last batch. Returns the zones whose sets did not come as they were seen before.
    pub fn finish(mut self) -> Vec<String> {
        self.close();
        self.flush();
        let mut missing: Vec<String> = self.chosen.into_keys().collect();
        missing.sort_unstable();
        missing
    }

    fn close(&mut self) {
        let Some(RecordSet { zone_id, records }) = self.current.take() else { return };
        let records: Records = records.into_iter().collect();
        let seen = records.iter().map(ContentHash::of_record);
        let seen = seen.fold(ContentHash::default(), |sum, hash| sum + hash);
        if self.chosen.get(&zone_id) != Some(&seen) {
            return;
        }
        self.chosen.remove(&zone_id);
        if !self.batch.is_empty()
            && (self.batch.len() >= BATCH_ZONES_MAX
                || self.batch_records + records.len() > BATCH_RECORDS_MAX)
        {
            self.flush();
        }
        self.batch_records += records.len();
        self.batch.push(RecordSet { zone_id, records: records.into_vec() });
    }

    fn flush(&mut self) {
        self.batch_records = 0;
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() && !self.is_ended {
            self.is_ended = !(self.give)(batch);
        }
    }
}

impl<G: FnMut(Vec<RecordSet>) -> bool> Gather for Selection<G> {
    fn begin_file(&mut self, _: Holds) {}

    fn entry(&mut self, _: &Place, entry: Entry) {
        let Entry::Record(RecordEntry { zone_id, record }) = entry else { return };
        if let Some(current) = &mut self.current
            && current.zone_id == zone_id
        {
            current.records.push(record);
            return;
        }
        self.close();
        if self.chosen.contains_key(&zone_id) {
            self.current = Some(RecordSet { zone_id, records: vec![record] });
        }
    }

    fn fault(&mut self, _: &Place, _: Subject, _: String) {}

    fn cut(&mut self, _: &Place, _: String) {}

    fn end_file(&mut self) {
        self.close();
    }

    fn wants_more(&self) -> bool {
        !self.is_ended && !self.chosen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::model::RecordType;

    #[test]
    fn only_a_set_that_is_what_was_seen_is_given() {
        let record = |content: &str| Record::new("a.test", RecordType::A, content);
        let hash = ContentHash::of_record(&record("1"));
        let chosen = ["same", "changed"].map(|zone| (zone.to_owned(), hash)).into();
        let mut given = Vec::new();
        let mut selection = Selection::new(chosen, |batch| {
            given.extend(batch);
            true
        });
        let place = Place { file: Arc::new(PathBuf::from("x")), line: 1 };
        for (zone, content) in [("same", "1"), ("same", "1"), ("changed", "2"), ("other", "1")] {
            let entry = RecordEntry { zone_id: zone.into(), record: record(content) };
            selection.entry(&place, Entry::Record(entry));
        }
        assert_eq!(selection.finish(), ["changed"]);
        let expected = RecordSet { zone_id: "same".into(), records: vec![record("1")] };
        assert_eq!(given, [expected]);
    }
}

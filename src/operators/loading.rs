//! Which of the scans that are out have begun to load, so that a request knows whether one of them
//! answers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Ticket;

/// Scans that can be out at once, each with one credit at least, before it is no longer known of all that
/// they have not begun.
const PLACES: usize = 1 << 18;

/// Shared by the workers of a process: `load` notes what the source asks. A bit a
/// [place](Ticket::place) of a ticket. Cloned freely; all clones are one.
#[derive(Clone, Debug)]
pub struct Loading(Arc<[AtomicU64]>);

impl Default for Loading {
    fn default() -> Loading {
        Loading((0..PLACES / 64).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Loading {
    /// The ticket goes out: it is not loaded yet.
    pub(super) fn emitted(&self, ticket: &Ticket) {
        if let Some((word, bit)) = self.word(ticket.place()) {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// To be said before the snapshot is read.
    pub(super) fn begins(&self, ticket: &Ticket) {
        if let Some((word, bit)) = self.word(ticket.place()) {
            word.fetch_or(bit, Ordering::AcqRel);
        }
    }

    pub(super) fn has_begun(&self, place: usize) -> bool {
        self.word(place).is_none_or(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    fn word(&self, place: usize) -> Option<(&AtomicU64, u64)> {
        Some((self.0.get(place / 64)?, 1 << (place % 64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, Spent, UnixTime};

    #[test]
    fn a_scan_has_begun_from_its_load_on_and_where_nothing_is_known() {
        let since = UnixTime::from_micros(0);
        let (owner, weight, origin) = (0, 1, Origin::Agenda);
        let ticket = |place| {
            let number = Ticket::number(9, place);
            Ticket {
                number,
                owner,
                weight,
                emitted_at: since,
                since,
                spent: Spent::default(),
                handed_over: None,
                origin,
            }
        };
        let loading = Loading::default();
        loading.begins(&ticket(70));
        let begun: Vec<usize> = (0..=PLACES).filter(|place| loading.has_begun(*place)).collect();
        assert_eq!(begun, [70, PLACES]);
        loading.emitted(&ticket(70));
        assert!(!loading.has_begun(70));
    }
}

//! Whether the pages of a list are all of it.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The `result_info` of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PageInfo {
    /// Counted from 1.
    pub page: Option<u64>,
    pub total_pages: Option<u64>,
    /// Entries of the whole list.
    pub total_count: Option<u64>,
}

/// The pages of one list as they come, in any order.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    seen: BTreeSet<u64>,
    entries: u64,
    total_pages: Option<u64>,
    total_count: Option<u64>,
    has_changed: bool,
}

impl Pages {
    /// Takes note of a page and how many entries it has, bad ones too.
    pub fn add(&mut self, page: Option<&PageInfo>, entries: usize) {
        let unknown = PageInfo::default();
        let page = page.unwrap_or(&unknown);
        if !self.seen.insert(page.page.unwrap_or(1)) {
            self.has_changed = true;
        }
        self.entries += entries as u64;
        for (known, stated) in
            [(&mut self.total_pages, page.total_pages), (&mut self.total_count, page.total_count)]
        {
            self.has_changed |= known.is_some() && stated.is_some() && *known != stated;
            *known = (*known).max(stated);
        }
    }

    /// Why the list is not complete. None: it is, or nothing states how long it is.
    pub fn missing(&self) -> Option<String> {
        if let Some(total) = self.total_pages {
            let mut absent = 1;
            while self.seen.contains(&absent) {
                absent += 1;
            }
            let seen = self.seen.iter().filter(|page| (1..=total).contains(*page)).count() as u64;
            if absent <= total {
                let count = total - seen;
                return Some(format!(
                    "{count} of {total} pages are missing, the first is {absent}"
                ));
            }
        }
        if self.has_changed {
            return Some("a page is there twice, or the list changed while it was read".into());
        }
        let total = self.total_count.filter(|total| *total != self.entries)?;
        Some(format!("{} entries are there, the list has {total}", self.entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(page: u64, total_pages: u64, total_count: u64) -> PageInfo {
        let [page, total_pages, total_count] = [page, total_pages, total_count].map(Some);
        PageInfo { page, total_pages, total_count }
    }

    #[test]
    fn a_list_is_complete_when_every_page_and_entry_is_there() {
        let missing = |pages: &[(PageInfo, usize)]| {
            let mut all = Pages::default();
            pages.iter().for_each(|(page, entries)| all.add(Some(page), *entries));
            all.missing()
        };
        assert_eq!(missing(&[(info(2, 2, 3), 1), (info(1, 2, 3), 2)]), None);
        assert_eq!(missing(&[(info(1, 0, 0), 0)]), None);
        assert_eq!(missing(&[(PageInfo::default(), 7)]), None);
        for (pages, reason) in [
            (vec![(info(1, 178, 17_707), 100), (info(178, 178, 17_707), 7)], "176 of 178 pages"),
            (vec![(info(2, 2, 3), 1)], "the first is 1"),
            (vec![(info(1, 2, 3), 2), (info(2, 2, 4), 1)], "changed while it was read"),
            (vec![(info(1, 1, 1), 1), (info(1, 1, 1), 1)], "is there twice"),
            (vec![(info(1, 1, 3), 2)], "2 entries are there, the list has 3"),
        ] {
            assert!(missing(&pages).unwrap().contains(reason), "{reason}");
        }
    }
}

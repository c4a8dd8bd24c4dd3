//! How long it takes until every asset was scanned once, by how fast that goes at present.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::UnixTime;

/// Over so long the speed is taken.
const WINDOW: Duration = Duration::from_secs(60);
/// Looks of one window.
const LOOK: Duration = Duration::from_secs(1);

/// Assets that were never scanned, at some moments of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage(VecDeque<(UnixTime, u64)>);

impl Coverage {
    pub(super) fn look(&mut self, never_scanned: u64, now: UnixTime) {
        if self.0.back().is_some_and(|(at, _)| now.since(*at) < LOOK) {
            return;
        }
        self.0.push_back((now, never_scanned));
        while self.0.front().is_some_and(|(at, _)| WINDOW < now.since(*at)) {
            self.0.pop_front();
        }
    }

    /// None: it does not get on, or that is not known yet. Zero: it is done.
    pub(super) fn left(&self) -> Option<Duration> {
        let ((first_at, first), (last_at, last)) = (*self.0.front()?, *self.0.back()?);
        if last == 0 {
            return Some(Duration::ZERO);
        }
        let scanned = first.checked_sub(last).filter(|scanned| *scanned != 0)?;
        let each = last_at.since(first_at).as_secs_f64() / scanned as f64;
        Duration::try_from_secs_f64(each * last as f64).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_micros(1_000_000_000);

    #[test]
    fn what_is_left_goes_by_the_speed_of_the_last_minute() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.left(), None);
        let mut never_scanned = 10_000;
        for second in 0..100 {
            coverage.look(never_scanned, START + Duration::from_secs(second));
            if second == 0 {
                assert_eq!(coverage.left(), None, "no speed yet");
            }
            never_scanned -= if second < 40 { 1 } else { 100 };
        }
        let left = coverage.left().expect("it gets on");
        assert_eq!(left.as_secs(), 41, "4,060 at (9,961 - 4,060) in 60 s");
        coverage.look(0, START + Duration::from_secs(200));
        assert_eq!(coverage.left(), Some(Duration::ZERO));
    }

    #[test]
    fn a_fleet_that_grows_faster_than_it_is_scanned_has_no_end() {
        let mut coverage = Coverage::default();
        coverage.look(10, START);
        coverage.look(20, START + Duration::from_secs(5));
        assert_eq!(coverage.left(), None);
    }
}

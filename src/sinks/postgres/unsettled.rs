//! How many findings of a flush its digests will not settle.

use std::sync::atomic::{AtomicU32, Ordering};

const WHOLE: u32 = 1_000;

/// The share of findings that had to be compared, in the flushes before. A fleet that hardly changes
/// settles thousands of findings by its digests: to copy them would cost another round trip, and
/// copy nothing.
#[derive(Debug)]
pub(super) struct Unsettled {
    per_mille: AtomicU32,
    /// An average over about so many findings.
    findings: usize,
}

impl Unsettled {
    /// At first no digest is trusted.
    pub(super) fn over(findings: usize) -> Unsettled {
        Unsettled { per_mille: AtomicU32::new(WHOLE), findings }
    }

    pub(super) fn of(&self, findings: usize) -> usize {
        let per_mille = self.per_mille.load(Ordering::Relaxed) as usize;
        (findings.saturating_mul(per_mille)).div_ceil(WHOLE as usize)
    }

    /// The findings of each outcome of a flush, and what `fence_outcomes` said of it.
    pub(super) fn saw(&self, found: impl Iterator<Item = usize>, results: &[i16]) {
        let (mut findings, mut compared) = (0, 0);
        for (found, result) in found.zip(results) {
            findings += found;
            compared += if *result == 0 { found } else { 0 };
        }
        if findings == 0 {
            return;
        }
        let weight = (findings as f64 / self.findings as f64).min(1.0);
        let share = compared as f64 / findings as f64;
        let update = |before: u32| {
            let before = f64::from(before) / f64::from(WHOLE);
            Some(((before + (share - before) * weight) * f64::from(WHOLE)).round() as u32)
        };
        // Of two flights that end together either may be the later one.
        _ = self.per_mille.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPARED: i16 = 0;
    const UNCHANGED: i16 = 1;

    #[test]
    fn what_digests_settled_is_expected_to_be_settled_again() {
        let unsettled = Unsettled::over(2_000);
        assert_eq!(unsettled.of(5_000), 5_000);
        unsettled.saw([2_000, 2_000].into_iter(), &[UNCHANGED, UNCHANGED]);
        assert_eq!(unsettled.of(5_000), 0);
        unsettled.saw([3_960, 40].into_iter(), &[UNCHANGED, COMPARED]);
        assert_eq!(unsettled.of(5_000), 50);
        unsettled.saw([8_000].into_iter(), &[COMPARED]);
        assert_eq!(unsettled.of(5_000), 5_000);
    }

    #[test]
    fn a_few_findings_say_little_and_none_say_nothing() {
        let unsettled = Unsettled::over(2_000);
        unsettled.saw([4_000].into_iter(), &[UNCHANGED]);
        unsettled.saw([20].into_iter(), &[COMPARED]);
        assert_eq!(unsettled.of(5_000), 50);
        unsettled.saw([0].into_iter(), &[COMPARED]);
        assert_eq!(unsettled.of(5_000), 50);
    }
}

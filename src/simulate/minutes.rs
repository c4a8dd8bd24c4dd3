//! Scans a minute, and how even they are within each phase of a scenario.

use std::collections::BTreeMap;

/// The first hour is that of a start, and does not count.
pub(super) const FIRST_MINUTES: usize = 60;

/// One minute of virtual time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Minute {
    pub(super) emitted: u32,
    /// What the cadences need: the sum of count / cadence over the plans.
    pub(super) nominal: f32,
    /// Rises with the beginning and the end of each event.
    pub(super) segment: u16,
    /// Promises needed more than the nominal rate.
    pub(super) catches_up: bool,
    /// The process was down or its sinks slow: nothing is asked of such a minute.
    pub(super) is_disturbed: bool,
}

/// Minutes of the same kind: between the same two events, and at the nominal rate or above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// Its first minute.
    pub from_minute: usize,
    pub catches_up: bool,
    /// How many; not always in a row.
    pub minutes: usize,
    pub mean: f64,
    pub peak: u32,
}

impl Phase {
    pub fn peak_over_mean(&self) -> f64 {
        if self.mean == 0.0 { 1.0 } else { f64::from(self.peak) / self.mean }
    }
}

/// In the order of their first minutes.
pub(super) fn phases(minutes: &[Minute]) -> Vec<Phase> {
    let mut phases: BTreeMap<(u16, bool), (usize, usize, u64, u32)> = BTreeMap::new();
    let counted = minutes.iter().enumerate().skip(FIRST_MINUTES);
    for (number, minute) in counted.filter(|(_, minute)| !minute.is_disturbed) {
        let key = (minute.segment, minute.catches_up);
        let (_, count, sum, peak) = phases.entry(key).or_insert((number, 0, 0, 0));
        *count += 1;
        *sum += u64::from(minute.emitted);
        *peak = minute.emitted.max(*peak);
    }
    let phase = |((_, catches_up), (from_minute, minutes, sum, peak))| Phase {
        from_minute,
        catches_up,
        minutes,
        mean: sum as f64 / minutes as f64,
        peak,
    };
    let mut phases: Vec<Phase> = phases.into_iter().map(phase).collect();
    phases.sort_by_key(|phase| phase.from_minute);
    phases
}

/// The greatest of all phases.
pub(super) fn peak_over_mean(phases: &[Phase]) -> f64 {
    phases.iter().map(Phase::peak_over_mean).fold(1.0, f64::max)
}

/// The greatest part of the nominal rate that any minute had, the first hour left out.
pub(super) fn peak_over_nominal(minutes: &[Minute]) -> f64 {
    let counted = minutes.iter().skip(FIRST_MINUTES).filter(|minute| 0.0 < minute.nominal);
    let over = counted.map(|minute| f64::from(minute.emitted) / f64::from(minute.nominal));
    over.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_told_apart_by_events_and_by_need_and_the_first_hour_is_left_out() {
        let minute = |emitted, segment, catches_up| {
            let is_disturbed = emitted == 0;
            Minute { emitted, nominal: 100.0, segment, catches_up, is_disturbed }
        };
        let mut minutes = vec![minute(5_000, 0, false); FIRST_MINUTES];
        minutes.extend([minute(100, 0, false), minute(120, 0, true), minute(102, 0, false)]);
        minutes.extend([minute(0, 1, false), minute(110, 2, false)]);
        let phases = phases(&minutes);
        let means: Vec<_> = phases.iter().map(|phase| (phase.mean, phase.peak)).collect();
        assert_eq!(means, [(101.0, 102), (120.0, 120), (110.0, 110)]);
        assert!((peak_over_mean(&phases) - 102.0 / 101.0).abs() < 1e-9);
        assert!((peak_over_nominal(&minutes) - 1.2).abs() < 1e-6);
    }
}

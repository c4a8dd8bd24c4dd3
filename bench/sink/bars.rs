//! What the sink has to reach, and what it reached.

use std::fmt;

use super::sweep::{Figures, Mode};
use super::ways::Way;

/// A measured figure beside its limit.
pub(crate) struct Bar {
    what: String,
    measured: f64,
    limit: f64,
    /// Whether the measured figure has to be at most the limit; else at least.
    at_most: bool,
    unit: &'static str,
}

impl Bar {
    pub(crate) fn at_most(what: impl Into<String>, measured: f64, limit: f64) -> Bar {
        Bar { what: what.into(), measured, limit, at_most: true, unit: "" }
    }

    pub(crate) fn at_least(what: impl Into<String>, measured: f64, limit: f64) -> Bar {
        Bar { at_most: false, ..Bar::at_most(what, measured, limit) }
    }

    fn in_unit(self, unit: &'static str) -> Bar {
        Bar { unit, ..self }
    }

    fn is_met(&self) -> bool {
        if self.at_most { self.measured <= self.limit } else { self.limit <= self.measured }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar { what, measured, limit, unit, .. } = self;
        let (met, sign) = (
            if self.is_met() { "met   " } else { "MISSED" },
            if self.at_most { "<=" } else { ">=" },
        );
        write!(f, "{met} {what}: {measured:.3}{unit} (has to be {sign} {limit}{unit})")
    }
}

/// Those of issue C that the figures allow to judge.
pub(crate) fn of_sweep(figures: &[Figures]) -> Vec<Bar> {
    let seconds = |size: usize, mode: Mode, way: Way| {
        let is_it = |f: &&Figures| (f.size, f.mode, f.way) == (size, mode, way);
        figures.iter().find(is_it).map(|f| f.seconds)
    };
    let ratio = |size, mode, way, to| Some(seconds(size, mode, way)? / seconds(size, mode, to)?);
    let mut bars = Vec::new();
    if let Some(ratio) = ratio(500_000, Mode::Fresh, Way::Ours, Way::Raw) {
        bars.push(Bar::at_most("500,000 fresh: time of ours by raw", ratio, 1.15));
    }
    for way in [Way::Ours, Way::OursCompared] {
        if let Some(ratio) = ratio(500_000, Mode::Same, Way::Unnest, way) {
            let what = format!("500,000 same: rate of {} by unnest", way.name());
            bars.push(Bar::at_least(what, ratio, 10.0));
        }
    }
    if let Some(ratio) = ratio(10_000, Mode::Fresh, Way::Rows, Way::Ours) {
        bars.push(Bar::at_least("10,000 fresh: time of rows by ours", ratio, 25.0));
    }
    let mut sizes: Vec<usize> = figures.iter().map(|figures| figures.size).collect();
    sizes.dedup();
    for size in sizes {
        for mode in Mode::ALL {
            let best = [Way::Rows, Way::Unnest, Way::CopyTemp]
                .into_iter()
                .filter_map(|way| Some((seconds(size, mode, way)?, way)))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((best, way)) = best else { continue };
            for ours in [Way::Ours, Way::OursCompared] {
                let Some(took) = seconds(size, mode, ours) else { continue };
                let what = format!("{size} {}: {}", mode.name(), ours.name());
                let beside = format!("the best of the others ({})", way.name());
                bars.push(if size < 100 {
                    let more_ms = (took - best) * 1e3;
                    Bar::at_most(format!("{what} longer than {beside} by"), more_ms, 1.5)
                        .in_unit(" ms")
                } else {
                    Bar::at_most(format!("{what} by {beside}"), took / best, 1.2)
                });
            }
        }
    }
    bars
}

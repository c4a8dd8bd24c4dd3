//! Scans a minute, as a picture: the scheduler of the job, and the story's old one.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;
use scanflow::simulate::Report;

use super::Simulated;
use crate::exit::{Exit, Failure};

const SIZE: (u32, u32) = (980, 460);
/// A point is the greatest minute of those that share it, so that no peak is lost.
const POINTS_MAX: usize = 1_000;
const MINUTES_A_DAY: f64 = 1_440.0;
/// Above this ratio of the greatest to the mean nothing but a logarithmic scale shows both curves.
const LINEAR_MAX: f64 = 4.0;

const AGENDA: RGBColor = RGBColor(21, 67, 96);
const OLD: RGBColor = RGBColor(202, 111, 30);

pub(super) fn draw(path: &Path, simulated: &Simulated) -> Result<(), Failure> {
    let drawn = svg(path, simulated);
    drawn.map_err(|err| Failure::new(Exit::Failed, anyhow!("{}: {err}", path.display())))
}

/// Logarithms have a linear axis of their own, so that zero has a place: it is drawn as one scan.
#[derive(Clone, Copy)]
struct Scale {
    is_log: bool,
}

impl Scale {
    fn of(report: &Report) -> Scale {
        let all = || report.per_minute.iter().chain(&report.old_per_minute);
        let peak = all().copied().max().unwrap_or_default() as f64;
        let mean = report.per_minute.iter().sum::<u64>() as f64 / report.per_minute.len() as f64;
        Scale { is_log: LINEAR_MAX * mean < peak }
    }

    fn at(self, scans: f64) -> f64 {
        if self.is_log { scans.max(1.0).log10() } else { scans }
    }

    fn scans(self, at: f64) -> f64 {
        if self.is_log { 10_f64.powf(at) } else { at }
    }
}

fn svg(path: &Path, simulated: &Simulated) -> Result<(), Box<dyn std::error::Error>> {
    let Simulated { scenario, about, report, .. } = simulated;
    let scale = Scale::of(report);
    let (ours, old) = (points(&report.per_minute), points(&report.old_per_minute));
    let peak = ours.iter().chain(&old).map(|(_, scans)| *scans).fold(1.0, f64::max);
    let days = report.per_minute.len() as f64 / MINUTES_A_DAY;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{scenario}, {} assets: {about}", report.assets), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..days, 0.0..scale.at(peak) * 1.1)?;
    chart
        .configure_mesh()
        .x_desc("days")
        .y_desc("scans a minute")
        .y_label_formatter(&|at| format!("{:.0}", scale.scans(*at)))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 14))
        .draw()?;
    let is_old = report.per_minute == report.old_per_minute;
    let curves = [("the old scheduler", old, OLD, 1), ("scanflow", ours, AGENDA, 2)];
    for (name, points, colour, width) in curves {
        if is_old && colour == AGENDA {
            continue;
        }
        let style = colour.stroke_width(width);
        let points = points.into_iter().map(|(day, scans)| (day, scale.at(scans)));
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 14))
        .draw()?;
    area.present()?;
    Ok(())
}

/// Days and scans a minute.
fn points(per_minute: &[u64]) -> Vec<(f64, f64)> {
    let minutes_a_point = per_minute.len().div_ceil(POINTS_MAX).max(1);
    let point = |(number, minutes): (usize, &[u64])| {
        let scans = minutes.iter().copied().max().unwrap_or_default();
        ((number * minutes_a_point) as f64 / MINUTES_A_DAY, scans as f64)
    };
    per_minute.chunks(minutes_a_point).enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peak_is_lost_among_few_points() {
        let mut per_minute = vec![5; 20_160];
        per_minute[12_345] = 900;
        let points = points(&per_minute);
        assert!(points.len() <= POINTS_MAX);
        let peak = points.iter().find(|(_, scans)| *scans == 900.0).expect("the peak");
        assert!((peak.0 - 12_345.0 / MINUTES_A_DAY).abs() < 0.02);
    }
}

//! A picture of `lanes hol`, latencies of small zones by arm and workers; and the same as a table.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::Deserialize;

use super::latencies::told;
use crate::print::tell;

const SIZE: (u32, u32) = (860, 480);

/// From the story's start to what the job does.
const ARMS: [&str; 5] = ["serial", "batches", "lanes_no_fuel", "lanes", "idle"];

/// By number of workers.
const COLOURS: [(usize, RGBColor); 2] = [(1, RGBColor(202, 111, 30)), (2, RGBColor(21, 67, 96))];

/// Of the room of an arm, what a bar takes.
const BAR: f64 = 0.32;

/// Draws what `lanes hol --json` printed, and prints it as a table
#[derive(Debug, clap::Args)]
pub(crate) struct Plot {
    /// Lines of `lanes hol --json`
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// Where the picture goes
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Line {
    arm: String,
    workers: usize,
    fast_p50_ms: Option<f64>,
    fast_p99_ms: Option<f64>,
    fast_p99_ms_limit: Option<f64>,
    fast_max_ms: Option<f64>,
    fast_scans_per_second: f64,
    giant_seconds: Option<f64>,
    giant_seconds_limit: Option<f64>,
}

impl Plot {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut lines: Vec<Line> = Vec::new();
        for path in &self.files {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            for line in text.lines().filter(|line| line.contains(r#""lanes.hol""#)) {
                lines.push(serde_json::from_str(line)?);
            }
        }
        anyhow::ensure!(!lines.is_empty(), "no line of `lanes hol`");
        writeln!(std::io::stdout().lock(), "{}", table(&lines))?;
        fs::create_dir_all(&self.to)?;
        let path = self.to.join("lanes_hol.svg");
        draw(&path, &lines).map_err(|err| anyhow!("{}: {err}", path.display()))?;
        tell(&path.display().to_string());
        Ok(())
    }
}

/// One row a line, as they came.
fn table(lines: &[Line]) -> String {
    let mut table = "| arm | workers | small zones: p50 ms | p99 ms | at most ms | scans/s \
                     | giant s |\n|---|--:|--:|--:|--:|--:|--:|"
        .to_owned();
    let limited = |measured: String, limit: Option<f64>, digits| match limit {
        Some(limit) => format!("{measured} (limit {limit:.digits$})"),
        None => measured,
    };
    for line in lines {
        let p99_ms = limited(told(line.fast_p99_ms, 1), line.fast_p99_ms_limit, 1);
        let giant_s = limited(told(line.giant_seconds, 2), line.giant_seconds_limit, 0);
        let (p50_ms, max_ms) = (told(line.fast_p50_ms, 1), told(line.fast_max_ms, 0));
        let Line { arm, workers, fast_scans_per_second, .. } = line;
        let _ = write!(
            table,
            "\n| `{arm}` | {workers} | {p50_ms} | {p99_ms} | {max_ms} | {fast_scans_per_second:.0} \
             | {giant_s} |"
        );
    }
    table
}

/// A bar up to the p99, with lines at the median and the greatest.
fn draw(path: &Path, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let all = || {
        let of = |line: &Line| [line.fast_p50_ms, line.fast_p99_ms, line.fast_max_ms];
        lines.iter().flat_map(of).flatten()
    };
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if high == 0.0 {
        return Err("no scan of a small zone".into());
    }
    let floor = low / 2.0;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Small zones beside giants, from due to durable", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(8)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..ARMS.len() as f64, (floor / 2.0..high * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_desc("milliseconds: up to p99; lines at median and greatest")
        .y_label_formatter(&|ms| format!("{ms}"))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 14))
        .draw()?;
    let centred = Pos::new(HPos::Center, VPos::Center);
    let names = ("sans-serif", 14).into_text_style(&area).pos(centred);
    chart.draw_series(ARMS.iter().enumerate().map(|(place, arm)| {
        Text::new(*arm, (place as f64 + 0.5, floor / f64::sqrt(2.0)), names.clone())
    }))?;
    for (number, (workers, colour)) in COLOURS.into_iter().enumerate() {
        let of_workers = || lines.iter().filter(move |line| line.workers == workers);
        if of_workers().next().is_none() {
            continue;
        }
        let bars = of_workers().filter_map(|line| {
            let place = ARMS.iter().position(|arm| *arm == line.arm)?;
            Some((place as f64 + 0.5 + BAR * (number as f64 - 1.0), line))
        });
        let bars: Vec<(f64, &Line)> = bars.collect();
        let filled = bars.iter().filter_map(|(left, line)| {
            let corners = [(*left, floor), (left + BAR, line.fast_p99_ms?)];
            Some(Rectangle::new(corners, colour.mix(0.75).filled()))
        });
        chart
            .draw_series(filled)?
            .label(format!("{workers} worker{}", if workers == 1 { "" } else { "s" }))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 22, y + 5)], colour.filled()));
        let marks = bars.iter().flat_map(|(left, line)| {
            [(line.fast_p50_ms, WHITE), (line.fast_max_ms, colour)].map(|(ms, colour)| {
                let ms = ms?;
                let ends = vec![(*left, ms), (left + BAR, ms)];
                Some(PathElement::new(ends, colour.stroke_width(2)))
            })
        });
        chart.draw_series(marks.flatten())?;
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

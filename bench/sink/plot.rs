//! Pictures of a sweep, seconds by size, one line a way, one picture a mode; and the same as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use plotters::prelude::*;
use serde::Deserialize;

use crate::print::tell;

const SIZE: (u32, u32) = (860, 520);

/// Told apart without colour as well: by their order in the legend and at the end of the line.
const COLOURS: [(&str, RGBColor); 7] = [
    ("rows", RGBColor(176, 58, 46)),
    ("unnest", RGBColor(202, 111, 30)),
    ("copy_temp", RGBColor(125, 60, 152)),
    ("ours_compared", RGBColor(84, 153, 199)),
    ("ours_spooled", RGBColor(23, 165, 137)),
    ("ours", RGBColor(21, 67, 96)),
    ("raw", RGBColor(120, 120, 120)),
];

/// Draws what `sink sweep --json` printed, and prints it as a table: milliseconds of a flush
#[derive(Debug, clap::Args)]
pub(crate) struct Plot {
    /// Lines of `sink sweep --json`, of one run or several
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// Where the pictures go
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Line {
    bench: String,
    size: f64,
    mode: String,
    way: String,
    seconds: f64,
}

impl Plot {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut modes: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for path in &self.files {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            for line in text.lines().filter(|line| line.contains(r#""sink.sweep""#)) {
                let line: Line = serde_json::from_str(line)?;
                anyhow::ensure!(line.bench == "sink.sweep", "another experiment: {}", line.bench);
                modes.entry(line.mode.clone()).or_default().push(line);
            }
        }
        anyhow::ensure!(!modes.is_empty(), "no line of a sweep");
        writeln!(std::io::stdout().lock(), "{}", table(&modes))?;
        fs::create_dir_all(&self.to)?;
        for (mode, lines) in &modes {
            let path = self.to.join(format!("sweep_{mode}.svg"));
            draw(&path, mode, lines).map_err(|err| anyhow!("{}: {err}", path.display()))?;
            tell(&path.display().to_string());
        }
        Ok(())
    }
}

/// One row a mode and size, one column a way.
fn table(modes: &BTreeMap<String, Vec<Line>>) -> String {
    let ways = COLOURS.map(|(way, _)| way);
    let mut table = format!("| mode | findings | {} |\n|---|--:|", ways.join(" | "));
    table += &"--:|".repeat(ways.len());
    for (mode, lines) in modes {
        let mut sizes: Vec<f64> = lines.iter().map(|line| line.size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for size in sizes {
            let _ = write!(table, "\n| {mode} | {} |", with_commas(size));
            for way in ways {
                let line = lines.iter().find(|line| line.size == size && line.way == way);
                let _ = match line.map(|line| line.seconds * 1e3) {
                    Some(ms) if ms < 10.0 => write!(table, " {ms:.2} |"),
                    Some(ms) => write!(table, " {} |", with_commas(ms)),
                    None => write!(table, " |"),
                };
            }
        }
    }
    table
}

fn draw(path: &Path, mode: &str, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let range = |value: fn(&Line) -> f64| {
        let values = || lines.iter().map(value);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    let ((from, to), (low, high)) = (range(|line| line.size), range(|line| line.seconds));
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("One flush of one asset, {mode}");
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (from..to.max(from * 10.0)).log_scale(),
            (low / 1.5..high * 1.5).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("findings")
        .y_desc("seconds")
        .x_label_formatter(&|size| with_commas(*size))
        .y_label_formatter(&|seconds| format!("{seconds}"))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 14))
        .draw()?;
    for (way, colour) in COLOURS {
        let points = lines.iter().filter(|line| line.way == way);
        let mut points: Vec<(f64, f64)> = points.map(|line| (line.size, line.seconds)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if points.is_empty() {
            continue;
        }
        let style = colour.stroke_width(if way == "ours" { 3 } else { 2 });
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(way)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 14))
        .draw()?;
    area.present()?;
    Ok(())
}

fn with_commas(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

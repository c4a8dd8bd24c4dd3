//! The demo on a terminal: a view becomes a frame. Pure: the same view gives the same frame.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Sparkline, Table};
use scanflow::model::Severity;
use scanflow::schedule::PlanProgress;
use scanflow::store::postgres::history::InsightChange;

use super::view::{Stage, View};
use crate::cell;
use crate::run::live;

/// From this width on, openings and resolutions stand side by side.
const WIDE: u16 = 72;
/// From this width on, a plan shows all that is known of it.
const ROOMY: u16 = 56;
/// Plans that are shown, the largest first.
const PLANS_MAX: usize = 4;
const LABEL: u16 = 9;

/// Draws all of a view; what finds no room is left out from the bottom of each part.
pub(super) fn draw(frame: &mut Frame, view: &View, has_color: bool) {
    let paint = Paint { has_color };
    let plans = view.progress.as_ref().map_or(&[][..], |progress| &progress.plans);
    let plans_height = if plans.is_empty() { 0 } else { 1 + plans.len().min(PLANS_MAX) as u16 };
    let remark = remark(view);
    let [title, doing, note, covered, speed, open, by_plan, news, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(u16::from(remark.is_some())),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(plans_height),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(paint.title(view), title);
    frame.render_widget(Line::from(doing_now(view)), doing);
    frame.render_widget(Paragraph::new(remark.unwrap_or_default()).style(paint.dim()), note);
    draw_covered(frame, covered, view, paint);
    draw_speed(frame, speed, view, paint);
    frame.render_widget(paint.open(view), open);
    draw_plans(frame, by_plan, view, plans, paint);
    draw_news(frame, news, view, paint);
    frame.render_widget(Paragraph::new(foot_text(view)).style(paint.dim()), foot);
}

fn doing_now(view: &View) -> String {
    match view.stage {
        Stage::Starting => "starting a Postgres of its own".to_owned(),
        Stage::Importing => {
            format!("importing: {} zones, {} records", view.zones_stored, view.records_stored)
        }
        Stage::Covering => "scanning everything once, as fast as this machine can".to_owned(),
        Stage::Fresh => {
            let scale = view.scale.map_or_else(String::new, |scale| format!("time {scale}; "));
            let View { broken, repaired, .. } = view;
            format!("{scale}the demo broke {broken} zones and repaired {repaired}")
        }
        Stage::Stopping => "stopping; again leaves at once".to_owned(),
    }
}

/// Why the time scale is not as asked.
fn remark(view: &View) -> Option<String> {
    let scale = view.scale?;
    let lowered = scale.lowered?;
    Some(format!("time scale lowered from x{:.0}: {lowered}", scale.asked))
}

fn draw_covered(frame: &mut Frame, area: Rect, view: &View, paint: Paint) {
    let Some(progress) = &view.progress else { return };
    let percent = live::covered(progress);
    let text = format!(" {percent:5.1} % of {}", progress.assets);
    let [label, bar, number] = Layout::horizontal([
        Constraint::Length(LABEL),
        Constraint::Fill(1),
        Constraint::Length(text.len() as u16),
    ])
    .areas(area);
    let full = (f64::from(bar.width) * percent / 100.0).floor() as usize;
    let rest = usize::from(bar.width).saturating_sub(full);
    let bar_line =
        Line::from(vec![paint.good("█".repeat(full)), Span::styled("░".repeat(rest), paint.dim())]);
    frame.render_widget(paint.label("covered"), label);
    frame.render_widget(bar_line, bar);
    frame.render_widget(Line::from(text), number);
}

fn draw_speed(frame: &mut Frame, area: Rect, view: &View, paint: Paint) {
    let Some(progress) = &view.progress else { return };
    let out = progress.out;
    let text = format!(" {:>5}  in the lanes: fast {}, slow {}", view.speed(), out.fast, out.slow);
    let [label, line, number] = Layout::horizontal([
        Constraint::Length(LABEL),
        Constraint::Fill(1),
        Constraint::Length(text.len() as u16),
    ])
    .areas(area);
    let shown = usize::from(line.width).min(view.speeds.len());
    let speeds: Vec<u64> = view.speeds.iter().skip(view.speeds.len() - shown).copied().collect();
    frame.render_widget(paint.label("scans/s"), label);
    frame.render_widget(Sparkline::default().data(speeds).style(paint.fg(Color::Cyan)), line);
    frame.render_widget(Line::from(text), number);
}

fn draw_plans(frame: &mut Frame, area: Rect, view: &View, plans: &[PlanProgress], paint: Paint) {
    let mut plans: Vec<&PlanProgress> = plans.iter().collect();
    plans.sort_by_key(|plan| std::cmp::Reverse(plan.assets));
    plans.truncate(PLANS_MAX);
    let is_roomy = ROOMY <= area.width;
    let rows = plans.into_iter().map(|plan| {
        let scanned = plan.assets - plan.never_scanned;
        let oldest = plan.oldest.map(|at| short(view.now.since(at))).unwrap_or_default();
        let name = cell::shown(&plan.plan);
        let texts = [
            name,
            short(plan.cadence),
            plan.assets.to_string(),
            plan.overdue.to_string(),
            oldest,
            scanned.to_string(),
        ];
        let style = if plan.overdue == 0 { Style::new() } else { paint.fg(Color::Yellow) };
        Row::new(texts.into_iter().take(if is_roomy { 6 } else { 5 })).style(style)
    });
    let narrow = [10, 7, 7, 7, 6].map(Constraint::Length).to_vec();
    let roomy = [14, 9, 9, 9, 8, 9].map(Constraint::Length).to_vec();
    let header = ["plan", "cadence", "assets", "overdue", "oldest", "scanned"];
    let table = Table::new(rows, if is_roomy { roomy } else { narrow })
        .header(Row::new(header).style(paint.dim()))
        .column_spacing(0);
    frame.render_widget(table, area);
}

fn draw_news(frame: &mut Frame, area: Rect, view: &View, paint: Paint) {
    let halves = [Constraint::Fill(1), Constraint::Fill(1)];
    let [left, right] = if WIDE <= area.width {
        Layout::horizontal(halves).spacing(1).areas(area)
    } else {
        Layout::vertical(halves).areas(area)
    };
    let counted = |what: &str, count: u64| match view.stage {
        Stage::Fresh | Stage::Stopping => format!("{what} ({count})"),
        _ => what.to_owned(),
    };
    for (area, title, changes) in [
        (left, counted("opened", view.opened_count), &view.opened),
        (right, counted("resolved", view.resolved_count), &view.resolved),
    ] {
        let block = Block::new().borders(Borders::TOP).title(title).border_style(paint.dim());
        let lines = changes.iter().take(usize::from(area.height.saturating_sub(1)));
        let lines: Vec<Line> = lines.map(|change| paint.change(view, change)).collect();
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }
}

fn foot_text(view: &View) -> String {
    let admin = view.admin.as_ref().map(|admin| format!("; {admin}"));
    format!("q leaves{}", admin.unwrap_or_default())
}

/// In its largest unit, or in two of them.
fn short(length: Duration) -> String {
    let seconds = length.as_secs_f64();
    match length.as_secs() {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{seconds:.0} s"),
        _ => cell::length(length).replace("day", "d").replace("ds", "d"),
    }
}

/// Colours, where they are wanted.
#[derive(Clone, Copy)]
struct Paint {
    has_color: bool,
}

impl Paint {
    fn fg(self, color: Color) -> Style {
        if self.has_color { Style::new().fg(color) } else { Style::new() }
    }

    fn dim(self) -> Style {
        self.fg(Color::DarkGray)
    }

    fn label(self, text: &'static str) -> Span<'static> {
        Span::styled(format!("{text:<width$}", width = usize::from(LABEL)), self.dim())
    }

    fn good(self, text: String) -> Span<'static> {
        Span::styled(text, self.fg(Color::Green))
    }

    fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Critical => self.fg(Color::Magenta),
            Severity::High => self.fg(Color::Red),
            Severity::Medium => self.fg(Color::Yellow),
            Severity::Low | Severity::Info => Style::new(),
        }
    }

    fn title(self, view: &View) -> Line<'static> {
        let name = Span::styled("scanflow demo", Style::new().add_modifier(Modifier::BOLD));
        let seconds = view.elapsed().as_secs();
        let rest = format!("  {seconds} s  {}", cell::shown(&view.fleet));
        Line::from(vec![name, Span::raw(rest)])
    }

    fn open(self, view: &View) -> Line<'static> {
        let Some(open) = &view.open else { return Line::default() };
        let counts = open.iter().map(|(severity, count)| {
            Span::styled(format!("{count} {severity}  "), self.severity(*severity))
        });
        let none = open.is_empty().then(|| Span::raw("none"));
        std::iter::once(self.label("open")).chain(counts).chain(none).collect()
    }

    fn change(self, view: &View, change: &InsightChange) -> Line<'static> {
        let age = short(view.now.since(change.at));
        let check = Span::styled(change.check.clone(), self.severity(change.severity));
        let subject = cell::shown(&change.subject);
        Line::from(vec![Span::raw(format!("{age:>6} ")), check, Span::raw(format!(" {subject}"))])
    }
}

#[cfg(test)]
mod tests;

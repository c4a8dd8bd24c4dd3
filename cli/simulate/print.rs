//! A report for people, and for programs.

use std::io::Write;
use std::time::Duration;

use scanflow::simulate::{Phase, PlanReport};
use serde::Serialize;

use super::Simulated;
use crate::cell;
use crate::context::Context;
use crate::exit::Failure;
use crate::stdout::Stdout;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Object<'a> {
    bench: &'static str,
    scenario: &'a str,
    assets: u64,
    virtual_days: u32,
    wall_s: f64,
    rss_mb: f64,
    peak_over_mean: f64,
    late: u64,
    oldest_over_cadence: f64,
    throttle_min: f64,
    throttled_s: u64,
    late_others: u64,
    peak_over_nominal: f64,
    scans: u64,
    old_peak_over_mean: f64,
    phases: Vec<PhaseObject>,
    plans: Vec<PlanObject<'a>>,
}

#[derive(Serialize)]
struct PhaseObject {
    from_s: usize,
    catches_up: bool,
    minutes: usize,
    mean_per_minute: f64,
    peak_per_minute: u32,
    peak_over_mean: f64,
}

#[derive(Serialize)]
struct PlanObject<'a> {
    plan: &'a str,
    late: u64,
    outside_for_s: Option<u64>,
}

pub(super) fn json(simulated: &Simulated) -> Result<(), Failure> {
    let Simulated { scenario, report, took, rss_max_bytes, .. } = simulated;
    let phase = |phase: &Phase| PhaseObject {
        from_s: phase.from_minute * 60,
        catches_up: phase.catches_up,
        minutes: phase.minutes,
        mean_per_minute: rounded(phase.mean),
        peak_per_minute: phase.peak,
        peak_over_mean: rounded(phase.peak_over_mean()),
    };
    let object = Object {
        bench: "simulate",
        scenario,
        assets: report.assets,
        virtual_days: report.virtual_days,
        wall_s: rounded(took.as_secs_f64()),
        rss_mb: rounded(*rss_max_bytes as f64 / 1e6),
        peak_over_mean: rounded(report.peak_over_mean),
        late: report.late,
        oldest_over_cadence: rounded(report.oldest_over_cadence),
        throttle_min: rounded(report.throttle.least),
        throttled_s: report.throttle.length.as_secs(),
        late_others: report.late_others,
        peak_over_nominal: rounded(report.peak_over_nominal),
        scans: report.scans,
        old_peak_over_mean: rounded(report.old_peak_over_mean()),
        phases: report.phases.iter().map(phase).collect(),
        plans: report.plans.iter().map(plan_object).collect(),
    };
    let mut out = Stdout::lock();
    writeln!(out, "{}", serde_json::to_string(&object)?)?;
    out.flush()?;
    Ok(())
}

fn plan_object(PlanReport { plan, late, outside_for }: &PlanReport) -> PlanObject<'_> {
    let outside_for_s = outside_for.map(|length| length.as_secs());
    PlanObject { plan, late: *late, outside_for_s }
}

fn rounded(figure: f64) -> f64 {
    (figure * 1e4).round() / 1e4
}

pub(super) fn table(simulated: &Simulated, context: &Context) -> Result<(), Failure> {
    let Simulated { scenario, about, report, took, rss_max_bytes } = simulated;
    let mut out = Stdout::lock();
    writeln!(out, "{}: {}", cell::shown(scenario), cell::shown(about))?;
    writeln!(
        out,
        "{} assets, {} days in {:.1} s, {:.0} MB at most\n",
        report.assets,
        report.virtual_days,
        took.as_secs_f64(),
        *rss_max_bytes as f64 / 1e6
    )?;
    let late_others = match report.late - report.late_others {
        0 => String::new(),
        _ => format!(", {} of them of other accounts", report.late_others),
    };
    writeln!(out, "late             {} of {} scans{late_others}", report.late, report.scans)?;
    writeln!(out, "oldest/cadence   {:.3}", report.oldest_over_cadence)?;
    if !report.throttle.length.is_zero() {
        let length = humantime::format_duration(report.throttle.length);
        writeln!(out, "throttle         {:.3} at least, {length}", report.throttle.least)?;
    }
    writeln!(out, "peak/mean        {:.3}", report.peak_over_mean)?;
    if report.peak_over_nominal != 0.0 {
        writeln!(out, "peak/nominal     {:.3}", report.peak_over_nominal)?;
    }
    writeln!(out, "peak/mean (old)  {:.1}\n", report.old_peak_over_mean())?;

    let header = ["from", "pace", "minutes", "mean/min", "peak/min", "peak/mean"];
    let mut phases = cell::table(&header, context.has_color());
    for phase in &report.phases {
        phases.add_row([
            cell::length(MINUTE * u32::try_from(phase.from_minute).unwrap_or(u32::MAX)),
            if phase.catches_up { "catches up" } else { "nominal" }.to_owned(),
            phase.minutes.to_string(),
            format!("{:.1}", phase.mean),
            phase.peak.to_string(),
            format!("{:.3}", phase.peak_over_mean()),
        ]);
    }
    writeln!(out, "{}", phases.trim_fmt())?;
    if !report.plans.is_empty() {
        let mut plans = cell::table(&["plan", "late", "outside for"], context.has_color());
        for PlanReport { plan, late, outside_for } in &report.plans {
            let outside_for = outside_for.map_or("-".to_owned(), cell::length);
            plans.add_row([cell::shown(plan), late.to_string(), outside_for]);
        }
        writeln!(out, "\n{}", plans.trim_fmt())?;
    }
    out.flush()?;
    Ok(())
}

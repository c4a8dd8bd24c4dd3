//! `scanflow schedule preview`.

use std::io::Write;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::Lane;
use scanflow::schedule::{Agenda, Filling, Means, PlanPreview, Preview as Foreseen, Rate};
use scanflow::store::postgres;
use serde_json::{Value, json};

use super::Output;
use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Tell what a run with these settings is going to do, and do nothing
///
/// Reads the whole fleet: seconds for millions of assets.
#[derive(Debug, clap::Args)]
pub(super) struct Preview {
    /// json is one object
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

impl Preview {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let config = &context.config;
        let means = Means {
            workers: config.run.workers,
            rate: config.schedule.rate,
            per_second_max: config.limits.scans_per_second_max,
            first_within: config.schedule.first_within,
        };
        context.block_on(async {
            let database = context.existing_database().await?;
            let now = Clock::system().now();
            // As a run fills and spreads it.
            let agenda = Agenda::new(config.cadences(), config.lanes.lanes(), now);
            let mut filling = Filling::new(agenda.with_first_within(means.first_within));
            postgres::list(&database, |listed| filling.insert(&listed, now)).await?;
            let mut agenda = filling.filled();
            agenda.set_buffer(config.schedule.buffer);
            agenda.spread(now);
            agenda.pace(now);
            let foreseen = Foreseen::of(&agenda, means, now);
            let mut out = Stdout::lock();
            match self.output {
                Output::Json => writeln!(out, "{}", object(&foreseen))?,
                Output::Table => table(&mut out, context, &foreseen, means)?,
            }
            out.flush()?;
            Ok(Exit::Done)
        })
    }
}

/// Null if it is infinite.
fn number(value: f64) -> Value {
    if value.is_finite() { value.into() } else { Value::Null }
}

fn object(foreseen: &Foreseen) -> Value {
    let plan = |plan: &PlanPreview| {
        json!({
            "plan": plan.progress.plan,
            "cadence_seconds": plan.progress.cadence.as_secs_f64(),
            "assets": plan.progress.assets,
            "never_scanned": plan.progress.never_scanned,
            "overdue": plan.progress.overdue,
            "nominal_per_second": plan.nominal,
            "need_per_second": number(plan.need),
            "rate_per_second": plan.rate,
        })
    };
    let lane = |lane: Lane| {
        let expected = foreseen.expectation.lanes[lane];
        json!({
            "assets": expected.assets,
            "scans_per_second": expected.scans_per_second,
            "busy_workers": expected.busy,
            "work_share": foreseen.lanes.work[lane],
        })
    };
    json!({
        "v": 1,
        "plans": foreseen.plans.iter().map(plan).collect::<Vec<_>>(),
        "nominal_per_second": foreseen.nominal,
        "need_per_second": number(foreseen.need),
        "allowed_per_second": number(foreseen.allowed),
        "is_enough": foreseen.is_enough(),
        "reserve": foreseen.reserve(),
        "healed_in_seconds": foreseen.healed_in().map(|length| length.as_secs_f64()),
        "lanes": {
            "fast": lane(Lane::Fast),
            "slow": lane(Lane::Slow),
            "threshold_ms": 1e3 * foreseen.lanes.threshold.as_secs_f64(),
            "cost_scan_us": foreseen.lanes.coefficients.scan_us,
            "cost_record_us": foreseen.lanes.coefficients.record_us,
        },
        "never_scanned": foreseen.expectation.never_scanned,
        "covered_in_seconds": foreseen.covered_in.as_secs_f64(),
    })
}

/// To two digits after the point, or what it means.
fn rate(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "too late".to_owned() }
}

fn table(
    out: &mut Stdout,
    context: &Context,
    foreseen: &Foreseen,
    means: Means,
) -> std::io::Result<()> {
    let header = [
        "plan",
        "cadence",
        "assets",
        "never scanned",
        "overdue",
        "long run/s",
        "needed/s",
        "goes/s",
    ];
    let mut table = cell::table(&header, context.has_color());
    for PlanPreview { progress, nominal, need, rate: goes } in &foreseen.plans {
        table.add_row([
            cell::shown(&progress.plan),
            cell::length(progress.cadence),
            progress.assets.to_string(),
            progress.never_scanned.to_string(),
            progress.overdue.to_string(),
            rate(*nominal),
            rate(*need),
            rate(*goes),
        ]);
    }
    match foreseen.plans.is_empty() {
        true => writeln!(out, "nothing is watched: `scanflow import` reads a fleet\n")?,
        false => writeln!(out, "{}\n", table.trim_fmt())?,
    }
    let allowed = match (means.rate, foreseen.allowed.is_finite()) {
        (_, false) => "no limit but credits".to_owned(),
        (Rate::Auto, _) => {
            let buffer = context.config.schedule.buffer;
            format!("{} allowed (buffer {buffer})", rate(foreseen.allowed))
        }
        (Rate::Max | Rate::PerSecond(_), _) => format!("{} allowed", rate(foreseen.allowed)),
    };
    writeln!(
        out,
        "scans a second  {} in the long run, {} needed now, {allowed}",
        rate(foreseen.nominal),
        rate(foreseen.need),
    )?;
    writeln!(out, "reserve         {}", reserve(foreseen, means))?;
    for lane in Lane::ALL {
        let expected = foreseen.expectation.lanes[lane];
        writeln!(
            out,
            "{:<15} {} assets, {} scans/s, {:.3} of {} workers busy, as predicted",
            format!("{lane} lane"),
            expected.assets,
            rate(expected.scans_per_second),
            expected.busy,
            means.workers,
        )?;
    }
    writeln!(out, "lanes parted    {}", cell::border(&foreseen.lanes))?;
    writeln!(out, "full coverage   {}", coverage(foreseen, means))
}

fn reserve(foreseen: &Foreseen, means: Means) -> String {
    if foreseen.allowed.is_infinite() {
        return "as much as credits let through".to_owned();
    }
    if foreseen.is_enough() {
        return format!("{:.0} % of what is allowed", 100.0 * foreseen.reserve());
    }
    match foreseen.healed_in() {
        Some(Duration::ZERO) => format!(
            "none: {} scans a second would be needed to keep every promise; a larger {} keeps them",
            rate(foreseen.need),
            if means.rate == Rate::Auto { "schedule.buffer" } else { "schedule.rate" },
        ),
        Some(length) => format!(
            "none: promises are broken, and are all kept again in about {}",
            cell::length(length)
        ),
        None => "none: promises are broken, and there is nothing left to catch up".to_owned(),
    }
}

fn coverage(foreseen: &Foreseen, means: Means) -> String {
    let count = foreseen.expectation.never_scanned;
    match (count, means.first_within) {
        (0, _) => "every account and zone was scanned".to_owned(),
        (_, Some(within)) => {
            format!("{count} were never scanned, and are within {}", cell::length(within))
        }
        (_, None) => format!(
            "{count} were never scanned, and are in about {}, as predicted",
            cell::length(foreseen.covered_in.max(Duration::from_secs(1)))
        ),
    }
}

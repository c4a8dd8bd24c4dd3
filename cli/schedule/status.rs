//! `scanflow schedule status`.

use std::io::Write;

use scanflow::store::postgres::orders::{self, Paused};
use scanflow::store::postgres::requests::{self, Open};
use scanflow::store::postgres::status::{self, Freshness, Leader};
use serde_json::{Value, json};

use super::Output;
use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::status::target_per_second;
use crate::stdout::Stdout;

/// Show whether the promises are kept, who leads, and what waits
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// json is one object
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

struct Seen {
    status: status::Status,
    paused: Option<Paused>,
    requests: Open,
    target_per_second: Option<f64>,
}

impl Status {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let config = &context.config;
        context.block_on(async {
            let database = context.existing_database().await?;
            let (cadences, lanes) = (config.cadences(), config.lanes.lanes());
            let status = status::status(&database, &cadences, &lanes).await?;
            let seen = Seen {
                target_per_second: target_per_second(config, &status),
                status,
                paused: orders::paused(&database).await?,
                requests: requests::open(&database).await?,
            };
            let mut out = Stdout::lock();
            match self.output {
                Output::Json => writeln!(out, "{}", object(&seen))?,
                Output::Table => table(&mut out, context, &seen)?,
            }
            out.flush()?;
            Ok(Exit::Done)
        })
    }
}

/// The part of the assets that were scanned within their cadence.
fn inside(plan: &Freshness) -> f64 {
    (plan.scanned - plan.overdue) as f64 / plan.assets.max(1) as f64
}

fn leader(seen: &Seen) -> Option<&Leader> {
    seen.status.leases.iter().find(|lease| lease.is_live)
}

fn object(seen: &Seen) -> Value {
    let plan = |plan: &Freshness| {
        json!({
            "plan": plan.plan,
            "cadence_seconds": plan.cadence.as_secs_f64(),
            "assets": plan.assets,
            "never_scanned": plan.assets - plan.scanned,
            "overdue": plan.overdue,
            "inside_cadence": inside(plan),
            "oldest_age_seconds": plan.oldest_age.map(|age| age.as_secs_f64()),
        })
    };
    let paused = seen.paused.as_ref();
    json!({
        "v": 1,
        "at": cell::rfc3339(seen.status.at),
        "plans": seen.status.plans.iter().map(plan).collect::<Vec<_>>(),
        "nominal_per_second": seen.status.nominal_per_second(),
        "target_per_second": seen.target_per_second,
        "leader": leader(seen).map(|leader| &leader.holder),
        "paused": paused.map(|paused| json!({ "by": paused.by, "at": cell::rfc3339(paused.at) })),
        "requests": {
            "open": seen.requests.assets,
            "oldest_age_seconds": seen.requests.oldest_age.map(|age| age.as_secs_f64()),
        },
        "last_completed_at": seen.status.last_completed_at.map(cell::rfc3339),
    })
}

fn table(out: &mut Stdout, context: &Context, seen: &Seen) -> std::io::Result<()> {
    let header = ["plan", "cadence", "assets", "never scanned", "overdue", "inside", "oldest"];
    let mut table = cell::table(&header, context.has_color());
    for plan in &seen.status.plans {
        table.add_row([
            cell::shown(&plan.plan),
            cell::length(plan.cadence),
            plan.assets.to_string(),
            (plan.assets - plan.scanned).to_string(),
            plan.overdue.to_string(),
            format!("{:.2} %", 100.0 * inside(plan)),
            plan.oldest_age.map_or_else(|| "never".to_owned(), cell::length),
        ]);
    }
    match seen.status.plans.is_empty() {
        true => writeln!(out, "nothing is watched: `scanflow import` reads a fleet\n")?,
        false => writeln!(out, "{}\n", table.trim_fmt())?,
    }
    let target = seen.target_per_second;
    let target = target
        .map_or_else(|| "as fast as credits allow".to_owned(), |rate| format!("{rate:.2} at most"));
    writeln!(
        out,
        "scans a second  {:.2} in the long run, {target}",
        seen.status.nominal_per_second()
    )?;
    let leader = leader(seen).map(|leader| cell::shown(&leader.holder));
    let leader = leader.unwrap_or_else(|| "nobody: is `scanflow run` running?".to_owned());
    writeln!(out, "leads           {leader}")?;
    if let Some(Paused { by, at }) = &seen.paused {
        let (by, at) = (cell::shown(by), cell::time(*at));
        writeln!(out, "paused          by {by}, {at}: `scanflow schedule resume`")?;
    }
    match seen.requests {
        Open { assets: 0, .. } => writeln!(out, "asked for       nothing that waits"),
        Open { assets, oldest_age } => {
            let age = oldest_age.map(cell::length).unwrap_or_default();
            writeln!(out, "asked for       {assets} scans wait, the first since {age}")
        }
    }
}

//! `scanflow status`.

use std::fmt;
use std::io::Write;

use scanflow::config::Config;
use scanflow::model::Severity;
use scanflow::schedule::{LaneSplit, Rate};
use scanflow::sinks::postgres::{Calibration, calibration};
use scanflow::store::postgres::reviews::Classification;
use scanflow::store::postgres::status::{self, Freshness, Leader};
use scanflow::store::postgres::{Database, Pooler};
use serde_json::{Value, json};

use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Show how fresh the fleet is and what is open
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// json is one object
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Table,
    Json,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let (cadences, lanes) = (context.config.cadences(), context.config.lanes.lanes());
        context.block_on(async {
            let database = context.existing_database().await?;
            let pooler = database.look_for_pooler(&database).await?;
            let status = status::status(&database, &cadences, &lanes).await?;
            let copied = Copied::of(&context.config, &database).await;
            let mut out = Stdout::lock();
            match self.output {
                Output::Json => {
                    let mut json = json(&context.config, &status, pooler);
                    json["sink"] = copied.json();
                    writeln!(out, "{json}")?;
                }
                Output::Table => {
                    print(&mut out, context, &status, pooler)?;
                    writeln!(out, "copied by       {copied}")?;
                }
            }
            out.flush()?;
            Ok(Exit::Done)
        })
    }
}

/// From how many findings on a flush is copied.
enum Copied {
    Set(usize),
    Measured(Calibration),
    NotMeasured,
}

impl Copied {
    /// A server may not say who it is: then nothing can be known of it.
    async fn of(config: &Config, database: &Database) -> Copied {
        if let Some(set) = config.sink.copy_findings_min {
            return Copied::Set(set);
        }
        match calibration(database).await {
            Ok(known) => known.map_or(Copied::NotMeasured, Copied::Measured),
            Err(err) => {
                tracing::warn!(error = &err as &dyn std::error::Error, "no calibration is known");
                Copied::NotMeasured
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Copied::Set(findings) => json!({ "copy_findings_min": findings, "measured_at": null }),
            Copied::Measured(Calibration { copy_findings_min, measured_at }) => json!({
                "copy_findings_min": copy_findings_min,
                "measured_at": cell::rfc3339(*measured_at),
            }),
            Copied::NotMeasured => json!({ "copy_findings_min": null, "measured_at": null }),
        }
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Copied::Set(findings) => write!(f, "flushes of {findings} findings or more, as set"),
            Copied::Measured(Calibration { copy_findings_min, measured_at }) => {
                let at = cell::time(*measured_at);
                write!(f, "flushes of {copy_findings_min} findings or more, measured {at}")
            }
            Copied::NotMeasured => f.write_str("large flushes; from when on, `run` will measure"),
        }
    }
}

/// Scans a second that `run` aims at; None: as fast as credits allow.
pub(crate) fn target_per_second(config: &Config, status: &status::Status) -> Option<f64> {
    let schedule = &config.schedule;
    let rate = match schedule.rate {
        Rate::Auto => Some(schedule.buffer * status.nominal_per_second().max(1.0)),
        Rate::Max => None,
        Rate::PerSecond(rate) => Some(rate),
    };
    [rate, config.limits.scans_per_second_max].into_iter().flatten().reduce(f64::min)
}

fn open(status: &status::Status, severity: Severity) -> i64 {
    let of = status.open.iter().filter(|(of, _)| *of == severity);
    of.map(|(_, count)| count).sum()
}

/// Open ones that nobody has reviewed.
fn unreviewed(status: &status::Status, severity: Severity) -> i64 {
    let of = status.reviewed.iter().filter(|(of, ..)| *of == severity);
    open(status, severity) - of.map(|(.., count)| count).sum::<i64>()
}

/// Of each classification, those that are open.
fn classified(status: &status::Status) -> impl Iterator<Item = (Classification, i64)> {
    Classification::ALL.into_iter().map(|kind| {
        let of = status.reviewed.iter().filter(|(_, of, _)| *of == kind);
        (kind, of.map(|(.., count)| count).sum())
    })
}

/// What `--output json` prints.
pub(crate) fn json(config: &Config, status: &status::Status, pooler: Pooler) -> Value {
    let plan = |plan: &Freshness| {
        json!({
            "plan": plan.plan,
            "cadence_seconds": plan.cadence.as_secs_f64(),
            "assets": plan.assets,
            "scanned": plan.scanned,
            "overdue": plan.overdue,
            "oldest_age_seconds": plan.oldest_age.map(|age| age.as_secs_f64()),
        })
    };
    let lease = |lease: &Leader| {
        json!({
            "name": lease.name,
            "holder": lease.holder,
            "expires_at": cell::rfc3339(lease.expires_at),
            "live": lease.is_live,
        })
    };
    let by_severity = |count: fn(&status::Status, Severity) -> i64| {
        let counts = Severity::ALL.map(|of| (of.name().to_owned(), count(status, of).into()));
        Value::Object(counts.into_iter().collect())
    };
    let reviewed = classified(status).map(|(kind, count)| (kind.name().to_owned(), count.into()));
    json!({
        "v": 1,
        "at": cell::rfc3339(status.at),
        "plans": status.plans.iter().map(plan).collect::<Vec<_>>(),
        "insights_open": by_severity(open),
        "insights_unreviewed": by_severity(unreviewed),
        "insights_reviewed": Value::Object(reviewed.collect()),
        "lanes": lanes(&status.lanes),
        "rates": {
            "nominal_per_second": status.nominal_per_second(),
            "target_per_second": target_per_second(config, status),
        },
        "last_completed_at": status.last_completed_at.map(cell::rfc3339),
        "leases": status.leases.iter().map(lease).collect::<Vec<_>>(),
        "dead_letters": status.dead_letters,
        "database": { "pooler": pooler },
    })
}

fn lanes(split: &LaneSplit) -> Value {
    json!({
        "fast": split.assets.fast,
        "slow": split.assets.slow,
        "threshold_ms": 1e3 * split.threshold.as_secs_f64(),
        "slow_work_share": split.work.slow,
    })
}

fn print(
    out: &mut Stdout,
    context: &Context,
    status: &status::Status,
    pooler: Pooler,
) -> std::io::Result<()> {
    let header = ["plan", "cadence", "assets", "scanned", "overdue", "oldest"];
    let mut table = cell::table(&header, context.has_color());
    for plan in &status.plans {
        table.add_row([
            cell::shown(&plan.plan),
            cell::length(plan.cadence),
            plan.assets.to_string(),
            plan.scanned.to_string(),
            plan.overdue.to_string(),
            plan.oldest_age.map_or_else(|| "never".to_owned(), cell::length),
        ]);
    }
    match status.plans.is_empty() {
        true => writeln!(out, "nothing is watched: `scanflow import` reads a fleet\n")?,
        false => writeln!(out, "{}\n", table.trim_fmt())?,
    }

    let open = Severity::ALL.iter().rev().map(|of| format!("{} {of}", unreviewed(status, *of)));
    writeln!(out, "open insights   {}", open.collect::<Vec<_>>().join(", "))?;
    let reviewed = classified(status).filter(|(_, count)| *count != 0);
    let reviewed =
        reviewed.map(|(kind, count)| format!("{count} {}", kind.name().replace('_', " ")));
    let reviewed: Vec<String> = reviewed.collect();
    if !reviewed.is_empty() {
        writeln!(out, "open, reviewed  {}", reviewed.join(", "))?;
    }
    let (assets, border) = (status.lanes.assets, cell::border(&status.lanes));
    writeln!(
        out,
        "lanes           {} fast, {} slow, as predicted: {border}",
        assets.fast, assets.slow
    )?;
    let target = target_per_second(&context.config, status).map_or_else(
        || "as fast as credits allow".to_owned(),
        |rate| format!("{rate:.2} aimed at"),
    );
    let nominal = status.nominal_per_second();
    writeln!(out, "scans a second  {nominal:.2} needed, {target}")?;
    let last = status.last_completed_at.map_or_else(
        || "none".to_owned(),
        |at| format!("{} ago, {}", cell::length(status.at.since(at)), cell::time(at)),
    );
    writeln!(out, "last scan       {last}")?;
    for Leader { name, holder, expires_at, is_live } in &status.leases {
        let (name, holder) = (cell::shown(name), cell::shown(holder));
        let state = if *is_live { "until" } else { "expired" };
        writeln!(out, "lease           {name}: {holder}, {state} {}", cell::time(*expires_at))?;
    }
    if status.leases.iter().all(|lease| !lease.is_live) {
        writeln!(out, "                nobody leads: is `scanflow run` running?")?;
    }
    if pooler == Pooler::Transaction {
        writeln!(out, "database        behind a transaction pooler")?;
    }
    if status.dead_letters != 0 {
        writeln!(
            out,
            "dead letters    {} outcomes that could not be stored: dlq list",
            status.dead_letters
        )?;
    }
    Ok(())
}

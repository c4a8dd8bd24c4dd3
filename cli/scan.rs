//! `scanflow scan`: has assets scanned now, out of turn.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::ArgGroup;
use indicatif::{ProgressBar, ProgressStyle};
use scanflow::clock::Clock;
use scanflow::model::AssetKind;
use scanflow::store::postgres::requests::{self, Asking, PAUSE, RequestProgress, Wish};
use scanflow::store::postgres::{Database, status};
use serde_json::json;

use crate::checks;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::named;
use crate::reviewing::user_at_host;
use crate::stdout::Stdout;

/// Have accounts, zones or single insights scanned now, by the `scanflow run` that leads
///
/// What was repaired is seen at once: a scan that began before this was asked does not count. With
/// --check or --insight only those checks are asked, only what they found before is resolved, and the
/// assets are due as they were.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct Scan {
    /// This account and its zones: id or name; may be repeated
    #[arg(long, value_name = "ACCOUNT", group = "what", conflicts_with = "zone")]
    account: Vec<String>,
    /// This zone: id or name; may be repeated
    #[arg(long, value_name = "ZONE", group = "what")]
    zone: Vec<String>,
    /// The check of this insight on its account or zone: `id` of `insights --output json`
    #[arg(
        long,
        value_name = "ID",
        group = "what",
        conflicts_with_all = ["account", "zone", "check"]
    )]
    insight: Option<i64>,
    /// Only this check, without --account and --zone on the whole fleet; may be repeated
    #[arg(long, value_name = "ID", group = "what")]
    check: Vec<String>,
    /// Wait until all of it is scanned and stored
    #[arg(long)]
    wait: bool,
    /// json is one object
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(50);
/// Counting takes at most one in so many parts of the time.
const COUNT_SHARE: u32 = 20;

impl Scan {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut kinds = Vec::new();
        for id in &self.check {
            kinds.push(checks::find(id)?.about().asset);
        }
        let is_of = |kind: AssetKind| !kinds.is_empty() && kinds.iter().all(|of| *of == kind);
        let kind = [AssetKind::Account, AssetKind::Zone].into_iter().find(|kind| is_of(*kind));
        let requested_by = user_at_host()?;
        context.block_on(async {
            let database = context.existing_database().await?;
            let wish = self.wish(context, &database, kind, requested_by).await?;
            let asking = requests::ask(&database, &wish).await?;
            refuse(&asking)?;
            if !status::has_leader(&database).await? {
                context.note("nobody leads: it is scanned once `scanflow run` runs");
            }
            let clock = Clock::system();
            let started = clock.now();
            let progress = match self.wait {
                true => Some(wait(context, &database, asking.request, asking.assets).await?),
                false => None,
            };
            let took = clock.now().since(started);
            let mut out = Stdout::lock();
            match self.output {
                Output::Json => writeln!(out, "{}", object(&asking, progress, took))?,
                Output::Text => {
                    let done = match progress {
                        Some(progress) => done(&database, asking.request, progress, took).await?,
                        None => String::new(),
                    };
                    writeln!(out, "{}{done}", sentence(&asking))?;
                }
            }
            out.flush()?;
            Ok(Exit::Done)
        })
    }

    async fn wish(
        &self,
        context: &Context,
        database: &Database,
        kind: Option<AssetKind>,
        requested_by: String,
    ) -> Result<Wish, Failure> {
        if let Some(id) = self.insight {
            let Some((asset, check)) = requests::of_insight(database, id).await? else {
                return Err(Failure::usage(format!("there is no insight {id}")));
            };
            let (assets, checks) = (Some(vec![asset.0]), Some(vec![check]));
            return Ok(Wish { assets, checks, requested_by, ..Wish::default() });
        }
        let checks =
            self.check.iter().map(|id| checks::find(id).map(|check| check.about().id.clone()));
        let checks = checks.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Wish {
            accounts: named::accounts(context, database, &self.account).await?,
            assets: named::zones(context, database, &self.zone).await?,
            checks: (!checks.is_empty()).then_some(checks),
            kind,
            requested_by,
        })
    }
}

fn refuse(asking: &Asking) -> Result<(), Failure> {
    match asking {
        Asking { assets: 0, too_soon: 0, .. } => Err(Failure::usage(
            "nothing is to be scanned: it is watched no longer, or no check of these concerns it"
                .to_owned(),
        )),
        Asking { assets: 0, last_ago, .. } => {
            let (ago, left) = (last_ago.as_secs(), PAUSE.saturating_sub(*last_ago).as_secs() + 1);
            let error = anyhow::anyhow!(
                "it was scanned for the same request {ago} s ago, and is not again within {} s: \
                 ask again in {left} s",
                PAUSE.as_secs()
            );
            Err(Failure::new(Exit::TryAgain, error))
        }
        _ => Ok(()),
    }
}

/// Until every asset is answered for.
async fn wait(
    context: &Context,
    database: &Database,
    request: i64,
    assets: u64,
) -> Result<RequestProgress, Failure> {
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} scanned");
        ProgressBar::new(assets).with_style(style.unwrap_or_else(|_| unreachable!("it is valid")))
    });
    if bar.is_none() {
        context.note(&format!("request {request}: waiting for {assets} scans"));
    }
    let clock = Clock::system();
    loop {
        let asked_at = clock.now();
        let progress = requests::progress(database, request).await?;
        bar.iter().for_each(|bar| bar.set_position(progress.scanned + progress.gone));
        if progress.is_over() {
            bar.iter().for_each(ProgressBar::finish_and_clear);
            return Ok(progress);
        }
        // Counting a request of millions takes long.
        tokio::time::sleep(LOOK.max(clock.now().since(asked_at) * COUNT_SHARE)).await;
    }
}

fn sentence(asking: &Asking) -> String {
    let Asking { request, assets, too_soon, .. } = asking;
    let mut text = match assets {
        1 => format!("request {request}: 1 asset"),
        many => format!("request {request}: {many} assets"),
    };
    if *too_soon != 0 {
        text += &format!(
            "; {too_soon} left out that were scanned for the same request less than {} s ago",
            PAUSE.as_secs()
        );
    }
    text
}

async fn done(
    database: &Database,
    request: i64,
    progress: RequestProgress,
    took: Duration,
) -> Result<String, Failure> {
    let open = requests::open_of(database, request).await?;
    let open = open.iter().map(|(severity, count)| format!("{count} {severity}"));
    let open: Vec<String> = open.collect();
    let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
    let gone = match progress.gone {
        0 => String::new(),
        gone => format!(", {gone} gone meanwhile"),
    };
    Ok(format!(
        ", {} scanned in {:.1} s{gone}; open insights: {open}",
        progress.scanned,
        took.as_secs_f64()
    ))
}

fn object(asking: &Asking, progress: Option<RequestProgress>, took: Duration) -> serde_json::Value {
    json!({
        "v": 1,
        "request": asking.request,
        "assets": asking.assets,
        "too_soon": asking.too_soon,
        "scanned": progress.map(|progress| progress.scanned),
        "gone": progress.map(|progress| progress.gone),
        "waited_seconds": progress.map(|_| took.as_secs_f64()),
    })
}

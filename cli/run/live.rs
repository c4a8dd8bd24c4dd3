//! How a run goes, while it goes: a line that is drawn again on a terminal, log lines elsewhere.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use scanflow::clock::Clock;
use scanflow::model::{Severity, UnixTime};
use scanflow::operators::Feed;
use scanflow::schedule::Progress;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::status::open_by_severity;

/// Between two draws, and between two log lines.
const DRAW: Duration = Duration::from_millis(500);
const LOG: Duration = Duration::from_secs(10);

/// Watches for ever.
pub(super) async fn watch(feed: Feed, database: Database, clock: Clock) -> Infallible {
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {msg}");
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| unreachable!("it is valid")))
    });
    let mut last: Option<(UnixTime, u64)> = None;
    loop {
        tokio::time::sleep(if bar.is_some() { DRAW } else { LOG }).await;
        let Some(progress) = feed.progress() else { continue };
        let now = clock.now();
        let done = progress.returned.fast + progress.returned.slow;
        let per_second = last.map_or(0.0, |(at, before)| {
            (done - before) as f64 / now.since(at).as_secs_f64().max(0.001)
        });
        last = Some((now, done));
        // The database may be what is slow: then the line goes without the insights.
        let open = tokio::time::timeout(DRAW, open_by_severity(&database)).await;
        let open = open.ok().and_then(Result::ok);
        match &bar {
            Some(bar) => {
                bar.set_message(line(&progress, per_second, open));
                bar.tick();
            }
            None => log(&progress, per_second, open),
        }
    }
}

fn covered(progress: &Progress) -> f64 {
    let scanned = progress.assets.saturating_sub(progress.never_scanned + progress.out);
    100.0 * scanned as f64 / progress.assets.max(1) as f64
}

fn line(progress: &Progress, per_second: f64, open: Option<Vec<(Severity, i64)>>) -> String {
    let insights = open.map_or_else(
        || "?".to_owned(),
        |open| {
            let parts = open.iter().map(|(severity, count)| format!("{count} {severity}"));
            let parts: Vec<String> = parts.collect();
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        },
    );
    format!(
        "{per_second:.0} scans/s, {:.1} % covered, {} due, open: {insights}, out: fast {}, slow {}",
        covered(progress),
        progress.due,
        progress.weight_out.fast,
        progress.weight_out.slow,
    )
}

fn log(progress: &Progress, per_second: f64, open: Option<Vec<(Severity, i64)>>) {
    tracing::info!(
        scans_per_second = per_second.round(),
        assets = progress.assets,
        covered_percent = (covered(progress) * 10.0).round() / 10.0,
        due = progress.due,
        open_insights = open.map(|open| open.iter().map(|(_, count)| count).sum::<i64>()),
        weight_out_fast = progress.weight_out.fast,
        weight_out_slow = progress.weight_out.slow,
        "scanning"
    );
}

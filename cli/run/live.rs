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
use scanflow::telemetry::Telemetry;
use tokio::task::JoinHandle;

use crate::cell;

/// Between two draws, and between two log lines.
const DRAW: Duration = Duration::from_millis(500);
const LOG: Duration = Duration::from_secs(10);
/// Counting reads every open insight (0.2 s of 600,000), so it takes at most one in so many parts of
/// the time, ...
const COUNT_SHARE: u32 = 200;
/// ... and where nothing is scanned, once in so long: an import may have resolved some.
const COUNT_IDLE: Duration = Duration::from_secs(600);

/// Watches for ever.
pub(super) async fn watch(
    feed: Feed,
    telemetry: Telemetry,
    database: Database,
    clock: Clock,
) -> Infallible {
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {msg}");
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| unreachable!("it is valid")))
    });
    let mut last: Option<(UnixTime, u64)> = None;
    let mut open: Open = None;
    let mut count = Count::default();
    loop {
        tokio::time::sleep(if bar.is_some() { DRAW } else { LOG }).await;
        let Some(progress) = feed.progress() else { continue };
        let now = clock.now();
        let done = progress.returned.fast + progress.returned.slow;
        let per_second = last.map_or(0.0, |(at, before)| {
            (done - before) as f64 / now.since(at).as_secs_f64().max(0.001)
        });
        last = Some((now, done));
        if let Some(counted) = count.end(now).await {
            open = counted;
            if let Some(open) = open.as_deref() {
                telemetry.insights_are_open(open);
            }
        }
        count.start(done, now, &database, &clock);
        match &bar {
            Some(bar) => {
                bar.set_message(line(&progress, per_second, open.as_deref()));
                bar.tick();
            }
            None => log(&progress, per_second, open.as_deref()),
        }
    }
}

type Open = Option<Vec<(Severity, i64)>>;

/// One count at a time, however long it takes: the lease shares its connections.
#[derive(Debug, Default)]
struct Count {
    task: Option<JoinHandle<(Open, Duration)>>,
    /// When there may be a next one.
    due: Option<UnixTime>,
    /// When the last one began, and how many scans were done by then.
    last: Option<(UnixTime, u64)>,
}

impl Count {
    /// What was counted, if that has come to its end since this was asked last.
    async fn end(&mut self, now: UnixTime) -> Option<Open> {
        let task = self.task.take_if(|task| task.is_finished())?;
        let (open, took) = task.await.unwrap_or_default();
        match &open {
            Some(_) => self.due = Some(now + (took * COUNT_SHARE).min(COUNT_IDLE)),
            None => self.last = None, // it failed: again at once
        }
        Some(open)
    }

    fn start(&mut self, done: u64, now: UnixTime, database: &Database, clock: &Clock) {
        let nothing_new =
            self.last.is_some_and(|(at, before)| done == before && now.since(at) < COUNT_IDLE);
        if self.task.is_some() || self.due.is_some_and(|due| now < due) || nothing_new {
            return;
        }
        self.last = Some((now, done));
        let (database, clock) = (database.clone(), clock.clone());
        self.task = Some(tokio::spawn(async move {
            let open = open_by_severity(&database).await.ok();
            (open, clock.now().since(now))
        }));
    }
}

/// Percent of the assets that were scanned or are being scanned.
pub(crate) fn covered(progress: &Progress) -> f64 {
    let scanned = progress.assets.saturating_sub(progress.backlog.never_scanned);
    100.0 * scanned as f64 / progress.assets.max(1) as f64
}

/// In one line.
pub(crate) fn line(
    progress: &Progress,
    per_second: f64,
    open: Option<&[(Severity, i64)]>,
) -> String {
    let insights = open.map_or_else(
        || "?".to_owned(),
        |open| {
            let parts = open.iter().map(|(severity, count)| format!("{count} {severity}"));
            let parts: Vec<String> = parts.collect();
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        },
    );
    let covered_in = progress.covered_in.filter(|left| !left.is_zero());
    let covered_in = covered_in.map(|left| format!(" (all in {})", cell::length(left)));
    let paused = if progress.is_paused { "paused, " } else { "" };
    format!(
        "{paused}{per_second:.0} scans/s, {:.1} % covered{}, {} overdue, open: {insights}, in the \
         lanes: fast {}, slow {}",
        covered(progress),
        covered_in.unwrap_or_default(),
        progress.backlog.overdue,
        progress.out.fast,
        progress.out.slow,
    )
}

fn log(progress: &Progress, per_second: f64, open: Option<&[(Severity, i64)]>) {
    tracing::info!(
        scans_per_second = per_second.round(),
        assets = progress.assets,
        covered_percent = (covered(progress) * 10.0).round() / 10.0,
        covered_in_seconds = progress.covered_in.map(|left| left.as_secs()),
        paused = progress.is_paused,
        due = progress.backlog.due,
        overdue = progress.backlog.overdue,
        open_insights = open.map(|open| open.iter().map(|(_, count)| count).sum::<i64>()),
        out_fast = progress.out.fast,
        out_slow = progress.out.slow,
        "scanning"
    );
}

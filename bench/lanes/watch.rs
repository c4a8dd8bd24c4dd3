//! A job that runs as long as it is watched.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::operators::Feed;
use scanflow::schedule::Progress;
use scanflow::stop::Stop;
use scanflow_dataflows::{Lead, Led, lead};

use crate::server::Server;

/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Runs it until `watching` has ended; then it drains. Whatever is still out when its grace is over is lost.
pub(super) async fn watched<T>(
    server: &Server,
    clock: &Clock,
    workers: usize,
    settings: Lead,
    watching: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(Led, T)> {
    let stop = Stop::default();
    let settings = Lead { stop: stop.clone(), ..settings };
    let watching = async {
        let seen = watching.await;
        stop.request();
        seen
    };
    let workers = timely::Config::process(workers);
    let mut leading = pin!(lead(&server.connections, workers, clock, settings));
    let seen = tokio::select! {
        led = &mut leading => anyhow::bail!("the job ended: {:?}", led?.lost),
        seen = watching => seen?,
    };
    let led = leading.await?;
    anyhow::ensure!(led.lost.is_none(), "the job was broken off");
    Ok((led, seen))
}

/// Waits until it has begun.
pub(super) async fn begun(feed: &Feed) -> Progress {
    loop {
        match feed.progress() {
            Some(progress) => return progress,
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

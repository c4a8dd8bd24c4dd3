//! SIGHUP: the settings are read again. What may change while a run goes on does, or, if anything in them
//! is wrong, nothing.

use std::convert::Infallible;

use scanflow::config::Flag;
use scanflow::operators::Feed;
use scanflow::telemetry::Telemetry;
use tokio::signal::unix::Signal;

use crate::context::Context;

/// Waits for signals for ever; `flags` are those of the command.
pub(super) async fn follow(
    context: &Context,
    flags: &[Flag],
    feed: &Feed,
    telemetry: &Telemetry,
    mut hangup: Signal,
) -> Infallible {
    let started = &context.config;
    loop {
        if hangup.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        match context.read_again(flags.to_vec()) {
            Err(failure) => {
                telemetry.settings_were_read(false);
                let error = format!("{:#}", failure.error);
                tracing::error!(error, "SIGHUP: the settings stay as they were");
            }
            Ok(config) => {
                telemetry.settings_were_read(true);
                feed.reload(config.reload());
                let waiting = started.waits_for_restart(&config);
                if !waiting.is_empty() {
                    let keys = waiting.join(", ");
                    tracing::warn!(keys, "SIGHUP: of these a run notices at its next start only");
                }
                tracing::info!("SIGHUP: the settings were read again");
            }
        }
    }
}

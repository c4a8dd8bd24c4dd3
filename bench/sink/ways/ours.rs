//! The sink itself.

use scanflow::model::Outcome;
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, LargeOutcome, Sink};

pub(super) async fn write(sink: &Postgres, outcome: &Outcome) -> anyhow::Result<()> {
    let flushed = sink.flush(std::slice::from_ref(outcome)).await?;
    anyhow::ensure!(flushed == [Flushed::Done], "{flushed:?}");
    Ok(())
}

pub(super) async fn write_spooled(sink: &Postgres, outcome: &LargeOutcome) -> anyhow::Result<()> {
    let flushed = sink.flush_large(outcome).await?;
    anyhow::ensure!(flushed == Flushed::Done, "{flushed:?}");
    Ok(())
}

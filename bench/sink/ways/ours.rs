//! The sink itself.

use scanflow::model::Outcome;
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};

pub(super) async fn write(sink: &Postgres, outcome: &Outcome) -> anyhow::Result<()> {
    let flushed = sink.flush(std::slice::from_ref(outcome)).await?;
    anyhow::ensure!(flushed == [Flushed::Done], "{flushed:?}");
    Ok(())
}

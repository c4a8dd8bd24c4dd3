//! What the database said last. Whoever asks within a second gets the same answer; who asks while a
//! question is out waits for its answer.

use std::sync::Arc;
use std::time::Duration;

use scanflow::model::UnixTime;
use scanflow::store::postgres::readiness::{Readiness, readiness};
use scanflow::store::postgres::status::{Leader, beside_the_job};
use tokio::sync::Mutex;

use super::Watched;

/// How long an answer is good.
const KEPT: Duration = Duration::from_secs(1);
/// How long a question may take.
const WITHIN: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct Asked {
    readiness: Kept<Readiness>,
    beside: Kept<Option<(Vec<Leader>, i64)>>,
}

type Kept<T> = Mutex<Option<(UnixTime, Arc<T>)>>;

impl Asked {
    /// Whether the database can be worked with; the metrics learn it too.
    pub(super) async fn readiness(&self, watched: &Watched) -> Arc<Readiness> {
        let ask = async || {
            let seen = readiness(&watched.database, &watched.clock, WITHIN).await;
            watched.telemetry.database_answered(seen.round_trip);
            seen
        };
        kept(&self.readiness, watched, ask).await
    }

    /// Who leads and how many dead letters there are; None: the database does not say.
    pub(super) async fn beside(&self, watched: &Watched) -> Arc<Option<(Vec<Leader>, i64)>> {
        let ask = async || {
            let asked = beside_the_job(&watched.database, WITHIN);
            tokio::time::timeout(WITHIN, asked).await.ok().and_then(Result::ok)
        };
        kept(&self.beside, watched, ask).await
    }
}

async fn kept<T>(kept: &Kept<T>, watched: &Watched, ask: impl AsyncFnOnce() -> T) -> Arc<T> {
    let mut kept = kept.lock().await;
    if let Some((at, answer)) = &*kept
        && watched.clock.now().since(*at) < KEPT
    {
        return Arc::clone(answer);
    }
    let answer = Arc::new(ask().await);
    *kept = Some((watched.clock.now(), Arc::clone(&answer)));
    answer
}

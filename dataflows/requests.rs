//! Brings what people ask for to the schedule, and what came of it back.

use std::time::Duration;

use scanflow::operators::Feed;
use scanflow::store::postgres::requests::{answer, reclaim, take};
use scanflow::store::postgres::{Database, DatabaseError};
use tokio_util::sync::CancellationToken;

/// How often it is looked for requests.
const LOOK: Duration = Duration::from_millis(200);
/// How long it is waited after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Requests that the schedule knows of at once; the others wait in the database.
const KNOWN_MAX: usize = 20_000;
/// How long the last answers may hold up the end of a process: another leader scans again for those
/// that are lost.
const END_MAX: Duration = Duration::from_secs(2);

/// Of the leader with this token.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    database: Database,
    token: u64,
    /// What the schedule knows of and has not answered.
    known: usize,
}

impl Requests {
    /// Tells of what was open when this leader began.
    pub(crate) async fn start(
        database: Database,
        token: u64,
        feed: &Feed,
    ) -> Result<Requests, DatabaseError> {
        let mut requests = Requests { database, token, known: 0 };
        reclaim(&requests.database, token).await?;
        requests.take(feed).await?;
        Ok(requests)
    }

    /// Goes on until the job `ended`; what it answered at its end is noted as well.
    pub(crate) async fn serve(mut self, feed: Feed, ended: CancellationToken) {
        while !ended.is_cancelled() {
            tokio::select! {
                () = ended.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
                () = feed.has_answers() => {}
            }
            while let Err(err) = self.step(&feed).await {
                tracing::warn!(error = &err as &dyn std::error::Error, "requests wait");
                tokio::select! {
                    () = ended.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
        match tokio::time::timeout(END_MAX, self.answer(&feed)).await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => {
                tracing::warn!(error = &err as &dyn std::error::Error, "requests stay open");
            }
            Err(_elapsed) => tracing::warn!("requests stay open: the server stands still"),
        }
    }

    async fn step(&mut self, feed: &Feed) -> Result<(), DatabaseError> {
        self.answer(feed).await?;
        while self.known < KNOWN_MAX && self.take(feed).await? {}
        Ok(())
    }

    /// Whether there was something.
    async fn take(&mut self, feed: &Feed) -> Result<bool, DatabaseError> {
        let (listed, requests) = take(&self.database, self.token).await?;
        let has_some = !requests.is_empty();
        if has_some {
            self.known += requests.len();
            feed.tell(listed);
            feed.request(requests);
        }
        Ok(has_some)
    }

    async fn answer(&mut self, feed: &Feed) -> Result<(), DatabaseError> {
        let answers = feed.answers();
        if let Err(err) = answer(&self.database, &answers).await {
            feed.give_back(answers);
            return Err(err);
        }
        self.known -= answers.len().min(self.known);
        Ok(())
    }
}

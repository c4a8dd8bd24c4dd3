//! Brings what people ask for to the schedule, and what came of it back.

use std::time::Duration;

use scanflow::operators::Feed;
use scanflow::schedule::Answer;
use scanflow::stop::Stop;
use scanflow::store::postgres::requests::{answer, reclaim, take};
use scanflow::store::postgres::{Database, DatabaseError};
use tokio_util::sync::CancellationToken;

/// How often it is looked for requests.
const LOOK: Duration = Duration::from_millis(200);
/// How long it is waited after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// After so many looks it is looked whether a former leader has taken some since: it may have stood
/// still in the middle of that.
const LOOKS_A_RECLAIM: u32 = 300;
/// Requests that the schedule knows of at once. The others wait in the database, where small ones
/// overtake large ones.
const KNOWN_MAX: usize = 256;
/// How long the last answers may hold up the end of a process: another leader scans again for those
/// that are lost.
pub(crate) const END_MAX: Duration = Duration::from_secs(2);

/// Of the leader with this token.
#[derive(Debug)]
pub(crate) struct Requests {
    database: Database,
    token: u64,
    /// What the schedule knows of and has not answered.
    known: usize,
    /// To be noted.
    answers: Vec<Answer>,
    /// Some may have been taken that the schedule was not told of.
    is_unsure: bool,
    looks: u32,
}

impl Requests {
    /// Tells of what was open when this leader began.
    pub(crate) async fn start(
        database: Database,
        token: u64,
        feed: &Feed,
    ) -> Result<Requests, DatabaseError> {
        let (known, answers, is_unsure, looks) = (0, Vec::new(), false, 0);
        let mut requests = Requests { database, token, known, answers, is_unsure, looks };
        reclaim(&requests.database, token - 1).await?;
        requests.take(feed).await?;
        Ok(requests)
    }

    /// Goes on until the job `ended`; what it answered at its end is noted as well. From a requested
    /// stop on nothing more is taken.
    pub(crate) async fn serve(mut self, feed: Feed, stop: Stop, ended: CancellationToken) {
        while !ended.is_cancelled() {
            tokio::select! {
                () = ended.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
                () = feed.has_answers() => {}
            }
            let failed = tokio::select! {
                () = ended.cancelled() => break,
                stepped = self.step(&feed, &stop) => stepped.err(),
            };
            if let Some(err) = failed {
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

    async fn step(&mut self, feed: &Feed, stop: &Stop) -> Result<(), DatabaseError> {
        self.answer(feed).await?;
        if stop.is_requested() {
            return Ok(());
        }
        self.looks += 1;
        if self.is_unsure || LOOKS_A_RECLAIM <= self.looks {
            // Of what is told twice an answer counts once.
            let token_max = if self.is_unsure { self.token } else { self.token - 1 };
            reclaim(&self.database, token_max).await?;
            (self.is_unsure, self.looks) = (false, 0);
        }
        while self.known < KNOWN_MAX && self.take(feed).await? {}
        Ok(())
    }

    /// Whether there was something.
    async fn take(&mut self, feed: &Feed) -> Result<bool, DatabaseError> {
        // Until it is told: the statement may have been done before its connection broke.
        self.is_unsure = true;
        let room = KNOWN_MAX.saturating_sub(self.known);
        let (listed, requests) = take(&self.database, self.token, room).await?;
        let has_some = !requests.is_empty();
        if has_some {
            self.known += requests.len();
            feed.tell(listed);
            feed.request(requests);
        }
        self.is_unsure = false;
        Ok(has_some)
    }

    async fn answer(&mut self, feed: &Feed) -> Result<(), DatabaseError> {
        self.answers.extend(feed.answers());
        answer(&self.database, &self.answers).await?;
        self.known -= self.answers.len().min(self.known);
        self.answers.clear();
        Ok(())
    }
}

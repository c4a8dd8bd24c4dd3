//! Answers that are read as they come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio_postgres::{Error, Row, RowStream};

use super::abandoned::Unanswered;

/// Rows as they come. Who drops them before their end has given the statement up.
pub struct Rows {
    rows: Pin<Box<RowStream>>,
    unanswered: Option<Unanswered>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("unanswered", &self.unanswered).finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn new(rows: RowStream, unanswered: Unanswered) -> Rows {
        Rows { rows: Box::pin(rows), unanswered: Some(unanswered) }
    }
}

impl Stream for Rows {
    type Item = Result<Row, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.rows.as_mut().poll_next(context));
        if !matches!(next, Some(Ok(_)))
            && let Some(unanswered) = self.unanswered.take()
        {
            unanswered.end();
        }
        Poll::Ready(next)
    }
}

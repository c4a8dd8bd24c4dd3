//! Rows on their way into a table, by binary COPY, and statements on their way behind them.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Error};

use crate::model::{Scan, UnixTime};

/// What is handed to the connection at a time.
const CHUNK_BYTES: usize = 128 << 10;
/// Statements that are on their way at a time.
const SENT_MAX: usize = 4;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Microseconds from the UNIX epoch to that of Postgres, 2000-01-01.
const EPOCH_US: i64 = 946_684_800_000_000;

/// A COPY that takes rows.
pub(super) struct Copying {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    buffer: BytesMut,
}

impl Copying {
    pub(super) fn new(sink: CopyInSink<Bytes>) -> Copying {
        let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
        buffer.put_slice(SIGNATURE);
        buffer.put_i32(0); // flags
        buffer.put_i32(0); // length of an extension of the header
        Copying { sink: Box::pin(sink), buffer }
    }

    /// Adds a row whose fields are already encoded, in pieces.
    pub(super) async fn row(&mut self, pieces: [&[u8]; 3]) -> Result<(), Error> {
        pieces.iter().for_each(|piece| self.buffer.put_slice(piece));
        if self.buffer.len() < CHUNK_BYTES {
            return Ok(());
        }
        let chunk = self.chunk();
        self.sink.feed(chunk).await
    }

    /// Ends the COPY and returns how many rows the table took.
    pub(super) async fn finish(mut self) -> Result<u64, Error> {
        self.buffer.put_i16(-1);
        let chunk = self.chunk();
        self.sink.feed(chunk).await?;
        self.sink.as_mut().finish().await
    }

    fn chunk(&mut self) -> Bytes {
        let chunk = self.buffer.split().freeze();
        self.buffer.reserve(CHUNK_BYTES);
        chunk
    }
}

/// The beginning of a row.
#[derive(Default)]
pub(super) struct Head(Vec<u8>);

impl Head {
    /// Up to the number of the check: of all rows that an outcome adds to `insights`.
    pub(super) fn of_insight(scan: &Scan, now: UnixTime) -> Head {
        let fields = [scan.asset.0, timestamp(now), timestamp(now)];
        Head::new(fields.len() + 4, &fields)
    }

    /// Up to the kind of change: of all rows that an outcome adds to `insight_events`.
    pub(super) fn of_event(scan: &Scan, now: UnixTime) -> Head {
        let fence = (scan.fence.config_version.0, scan.fence.sequence.0);
        let (version, sequence) = (fence.0.cast_signed(), fence.1.cast_signed());
        let fields = [timestamp(now), scan.asset.0, version, sequence];
        Head::new(fields.len() + 5, &fields)
    }

    fn new(fields: usize, numbers: &[i64]) -> Head {
        let mut head = Vec::new();
        head.put_i16(fields as i16);
        for number in numbers {
            head.put_i32(8);
            head.put_i64(*number);
        }
        Head(head)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Two small numbers as fields; the first may be missing.
pub(super) fn smalls(first: Option<i16>, second: i16, to: &mut Vec<u8>) {
    to.clear();
    for number in first.into_iter().chain([second]) {
        to.put_i32(2);
        to.put_i16(number);
    }
}

fn timestamp(at: UnixTime) -> i64 {
    at.as_micros().cast_signed() - EPOCH_US
}

/// Statements that are sent one behind the other, without waiting for answers before there are many.
#[derive(Default)]
pub(super) struct Pipeline<'p>(VecDeque<Sent<'p>>);

type Sent<'p> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'p>>;

impl<'p> Pipeline<'p> {
    /// Sends a statement: the future has to do that when it is polled for the first time. Fails if
    /// an earlier one has failed.
    pub(super) async fn send(
        &mut self,
        statement: impl Future<Output = Result<(), Error>> + Send + 'p,
    ) -> Result<(), Error> {
        if self.0.len() == SENT_MAX
            && let Some(first) = self.0.pop_front()
        {
            first.await?;
        }
        let mut statement: Sent<'p> = Box::pin(statement);
        match poll_fn(|context| Poll::Ready(statement.as_mut().poll(context))).await {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                self.0.push_back(statement);
                Ok(())
            }
        }
    }

    /// Waits for all of them.
    pub(super) async fn finish(self) -> Result<(), Error> {
        for statement in self.0 {
            statement.await?;
        }
        Ok(())
    }
}

//! Rows in the binary form of COPY, sent in messages of some size.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;

/// So much is sent at once.
const MESSAGE_BYTES: usize = 64 << 10;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;

/// From 1970 to 2000, where Postgres begins to count.
const EPOCH: Duration = Duration::from_secs(946_684_800);

pub(super) struct Rows {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    buffer: BytesMut,
}

impl Rows {
    pub(super) fn new(sink: CopyInSink<Bytes>) -> Rows {
        let mut buffer = BytesMut::with_capacity(MESSAGE_BYTES + 4_096);
        buffer.put_slice(HEADER);
        Rows { sink: Box::pin(sink), buffer }
    }

    /// Begins a row with so many fields, which are put into what it returns.
    pub(super) fn row(&mut self, fields: i16) -> Row<'_> {
        self.buffer.put_i16(fields);
        Row(&mut self.buffer)
    }

    /// Sends what has been put, if that is enough for a message.
    pub(super) async fn send(&mut self) -> anyhow::Result<()> {
        if MESSAGE_BYTES <= self.buffer.len() {
            self.sink.feed(self.buffer.split().freeze()).await?;
            self.buffer.reserve(MESSAGE_BYTES + 4_096);
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> anyhow::Result<u64> {
        self.buffer.put_i16(TRAILER);
        self.sink.feed(self.buffer.freeze()).await?;
        Ok(self.sink.as_mut().finish().await?)
    }
}

pub(super) struct Row<'b>(&'b mut BytesMut);

impl Row<'_> {
    pub(super) fn int2(&mut self, value: i16) -> &mut Self {
        self.0.put_i32(2);
        self.0.put_i16(value);
        self
    }

    pub(super) fn int8(&mut self, value: i64) -> &mut Self {
        self.0.put_i32(8);
        self.0.put_i64(value);
        self
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.0.put_i32(value.len() as i32);
        self.0.put_slice(value.as_bytes());
        self
    }

    pub(super) fn jsonb(&mut self, value: &str) -> &mut Self {
        self.0.put_i32(value.len() as i32 + 1);
        self.0.put_u8(1); // the version of the form
        self.0.put_slice(value.as_bytes());
        self
    }

    pub(super) fn timestamp(&mut self, at: SystemTime) -> &mut Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.int8(since.saturating_sub(EPOCH).as_micros() as i64)
    }
}

//! Distance: a TCP port before the socket of a server, behind which everything arrives later. It
//! takes in as much as comes and limits nothing but how soon it is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use scanflow::clock::Clock;
use scanflow::model::UnixTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const CHUNK_BYTES: usize = 64 << 10;

/// Ends, with all that goes through it, when it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) turns: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// `round_trip` is how much later an answer comes: half of it on each way.
    pub(crate) async fn start(
        clock: &Clock,
        socket: PathBuf,
        round_trip: Duration,
    ) -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the proxy")?;
        let port = listener.local_addr()?.port();
        let turns = Arc::new(AtomicU64::new(0));
        let link = Link { clock: clock.clone(), delay: round_trip / 2, turns: Arc::clone(&turns) };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(link.clone().join(client, socket.clone()));
            }
        });
        Ok(Proxy { port, turns, accepting })
    }

    /// How often somebody has sent after the server had answered: round trips that were waited for.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Link {
    clock: Clock,
    delay: Duration,
    turns: Arc<AtomicU64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client = 1,
    Server = 2,
}

impl Link {
    async fn join(self, client: TcpStream, socket: PathBuf) {
        let Ok(server) = UnixStream::connect(&socket).await else { return };
        if client.set_nodelay(true).is_err() {
            return;
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let last = Arc::new(AtomicU64::new(From::Server as u64));
        // Either end closes both.
        tokio::select! {
            () = self.pass(From::Client, from_client, to_server, Arc::clone(&last)) => {}
            () = self.pass(From::Server, from_server, to_client, last) => {}
        }
    }

    async fn pass(
        &self,
        who: From,
        from: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Unpin,
        last: Arc<AtomicU64>,
    ) {
        let (queue, arriving) = mpsc::unbounded_channel();
        tokio::join!(self.take(who, from, queue, last), self.hand_over(arriving, to));
    }

    async fn take(
        &self,
        who: From,
        mut from: impl AsyncRead + Unpin,
        queue: mpsc::UnboundedSender<(UnixTime, Vec<u8>)>,
        last: Arc<AtomicU64>,
    ) {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            match from.read_buf(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let before = last.swap(who as u64, Ordering::Relaxed);
            if who == From::Client && before == From::Server as u64 {
                self.turns.fetch_add(1, Ordering::Relaxed);
            }
            if queue.send((self.clock.now() + self.delay, chunk)).is_err() {
                return;
            }
        }
    }

    async fn hand_over(
        &self,
        mut arriving: mpsc::UnboundedReceiver<(UnixTime, Vec<u8>)>,
        mut to: impl AsyncWrite + Unpin,
    ) {
        while let Some((at, chunk)) = arriving.recv().await {
            let early = at.since(self.clock.now());
            if !early.is_zero() {
                tokio::time::sleep(early).await;
            }
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    }
}

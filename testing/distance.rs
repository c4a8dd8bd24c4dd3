//! Distance: a TCP port before the socket of a server, behind which everything arrives later.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scanflow::store::postgres::cluster::USER;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::ThrowAwayServer;

/// Ends when it is dropped. What is sent waits for what was sent before it, so that a lot takes longer
/// than it would on a real way.
#[derive(Debug)]
pub struct Distance {
    port: u16,
    way_us: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Distance {
    /// An answer comes later by `round_trip`: half of it on each way.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn before(server: &ThrowAwayServer, round_trip: Duration) -> Distance {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let socket = server.socket_folder().join(".s.PGSQL.5432");
        let way_us = Arc::new(AtomicU64::new(0));
        let way = Arc::clone(&way_us);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(join(client, socket.clone(), Arc::clone(&way)));
            }
        });
        let distance = Distance { port, way_us, accepting };
        distance.becomes(round_trip);
        distance
    }

    /// From now on, also for connections that there are.
    ///
    /// # Panics
    /// Above half a million years.
    pub fn becomes(&self, round_trip: Duration) {
        let way_us = u64::try_from((round_trip / 2).as_micros()).expect("not so far");
        self.way_us.store(way_us, Ordering::Relaxed);
    }

    /// Without a database.
    pub fn url(&self) -> String {
        format!("host=127.0.0.1 port={} user={USER} sslmode=disable", self.port)
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn join(client: TcpStream, socket: PathBuf, way_us: Arc<AtomicU64>) {
    let Ok(server) = UnixStream::connect(&socket).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Either end closes both.
    tokio::select! {
        () = pass(from_client, to_server, &way_us) => {}
        () = pass(from_server, to_client, &way_us) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way_us: &AtomicU64,
) {
    let mut chunk = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        tokio::time::sleep(Duration::from_micros(way_us.load(Ordering::Relaxed))).await;
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

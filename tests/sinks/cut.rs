//! Connections that are cut after each byte of a flush, in both directions: before, in and after its
//! commit. What is stored afterwards is what an undisturbed flush stores.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use scanflow::clock::Clock;
use scanflow::model::{Outcome, Verdict};
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::Database;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::{RUNTIME, finding, outcome, postgres};

/// Cuts in one direction; more bytes than that are passed over evenly.
const CUTS_MAX: usize = 150;
const TRIES_MAX: usize = 50;
/// Assets of one flush.
const ASSETS: i64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// What is to happen on the way, and what went by.
#[derive(Debug, Default)]
struct Way {
    /// After so many bytes in that direction the connection is cut, once.
    cut: Option<(Direction, usize)>,
    passed: [usize; 2],
}

impl Way {
    /// How many of these bytes go on, and whether the connection is cut behind them.
    fn takes(&mut self, direction: Direction, bytes: usize) -> (usize, bool) {
        let (taken, is_cut) = match &mut self.cut {
            Some((cut, left)) if *cut == direction => {
                let taken = bytes.min(*left);
                *left -= taken;
                (taken, *left == 0)
            }
            _ => (bytes, false),
        };
        if is_cut {
            self.cut = None;
        }
        self.passed[direction as usize] += taken;
        (taken, is_cut)
    }
}

/// A socket of Postgres with a way behind it.
struct Proxy {
    folder: TempDir,
    way: Arc<Mutex<Way>>,
}

impl Proxy {
    /// In front of the server of this URL.
    fn start(url: &str) -> Proxy {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
        let server = PathBuf::from(host(url)).join(".s.PGSQL.5432");
        let way = Arc::<Mutex<Way>>::default();
        let proxy = Proxy { folder, way: Arc::clone(&way) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.expect("the server");
                let way = Arc::clone(&way);
                tokio::spawn(async move {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    // Whichever ends first takes both sockets with it.
                    tokio::select! {
                        () = pump(from_client, to_server, Direction::ToServer, &way) => {}
                        () = pump(from_server, to_client, Direction::ToClient, &way) => {}
                    }
                });
            }
        });
        proxy
    }

    fn url(&self, url: &str) -> String {
        url.replace(host(url), &self.folder.path().display().to_string())
    }

    fn way(&self) -> std::sync::MutexGuard<'_, Way> {
        self.way.lock().expect("no panic under the lock")
    }
}

fn host(url: &str) -> &str {
    let host = url.split(' ').find_map(|part| part.strip_prefix("host="));
    host.expect("a folder with a socket")
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    way: &Mutex<Way>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let (taken, is_cut) = way.lock().expect("no panic").takes(direction, count);
        if to.write_all(&bytes[..taken]).await.is_err() || is_cut {
            return;
        }
    }
}

/// As `write` does it: the same batch until the sink knows what became of it.
async fn flushed(sink: &dyn Sink, outcomes: &[Outcome]) -> Vec<Flushed> {
    for _ in 0..TRIES_MAX {
        if let Ok(flushed) = sink.flush(outcomes).await {
            return flushed;
        }
    }
    panic!("{TRIES_MAX} tries failed");
}

/// Insights and history of some assets, which are counted from 1.
async fn stored(database: &Database, base: i64) -> Vec<String> {
    let client = database.client().await.expect("a connection");
    let sql = "
        select format('insight %s %s %s %s %s %s', asset_id - $1, check_id, subject, severity,
                      evidence, resolution) as line from insights where asset_id between $1 + 1 and $2
        union all
        select format('event %s %s %s %s %s %s %s', asset_id - $1, config_version, sequence, check_id,
                      subject, change, reason) from insight_events
         where asset_id between $1 + 1 and $2
        union all
        select format('state %s %s %s %s', asset_id - $1, config_version, sequence, digest)
          from scan_state where asset_id between $1 + 1 and $2
        union all
        select format('parked %s', asset_id - $1) from dead_letters
         where asset_id between $1 + 1 and $2
        order by line";
    let rows = client.query(sql, &[&base, &(base + ASSETS)]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Flushes the second of two batches over a connection that is cut after each of its bytes. `scans`
/// gives both batches of assets that are counted on from a base.
async fn cut_everywhere(
    make: impl Fn(Database) -> Arc<dyn Sink>,
    scans: impl Fn(i64) -> [Vec<Outcome>; 2],
) {
    let test = scanflow_testing::database().await;
    let proxy = Proxy::start(&test.url);
    let through = Database::open(&proxy.url(&test.url), 1).expect("a valid URL");
    let sink = make(through);
    let mut base = 0;
    let mut run = async |cut: Option<(Direction, usize)>| {
        base += 10;
        postgres::add_assets(&test.database, base + 1, base + ASSETS).await;
        let [first, second] = scans(base);
        // Connected and prepared: the second takes nothing but its own bytes.
        flushed(&*sink, &first).await;
        *proxy.way() = Way { cut, passed: [0, 0] };
        let results = flushed(&*sink, &second).await;
        let passed = proxy.way().passed;
        proxy.way().cut = None;
        assert!(
            results.iter().all(|how| matches!(how, Flushed::Done | Flushed::Duplicate)),
            "{cut:?}: {results:?}"
        );
        (passed, stored(&test.database, base).await)
    };

    let (passed, expected) = run(None).await;
    assert!(expected.iter().any(|line| line.starts_with("event ")), "{expected:?}");
    let mut cuts = 0;
    for direction in [Direction::ToServer, Direction::ToClient] {
        let bytes = passed[direction as usize];
        let count = bytes.min(CUTS_MAX);
        for number in 0..=count {
            let cut = (direction, (bytes * number / count).max(1));
            let (_, stored) = run(Some(cut)).await;
            assert_eq!(stored, expected, "cut {cut:?} of {passed:?}");
            cuts += 1;
        }
    }
    assert!(100 < cuts, "{cuts} cuts of {passed:?} bytes");
}

/// Opens, changes, resolves, and finds the same.
fn scans(base: i64) -> [Vec<Outcome>; 2] {
    let found = |subjects: &[&str], text: &str| {
        Verdict::of(subjects.iter().map(|subject| finding(subject, text)).collect())
    };
    let passes = [(0, Verdict::Pass), (1, Verdict::Pass), (2, Verdict::Pass)];
    let first = vec![
        outcome(base + 1, 1, 1, &[(0, found(&["x", "y"], ""))]),
        outcome(base + 2, 1, 1, &[(0, found(&["x"], "")), (1, Verdict::Pass)]),
        outcome(base + 3, 1, 1, &passes),
    ];
    let second = vec![
        outcome(base + 1, 1, 2, &[(0, found(&["y", "z"], "new"))]),
        outcome(base + 2, 1, 2, &[(0, Verdict::Pass), (1, found(&["x"], ""))]),
        outcome(base + 3, 1, 2, &passes),
    ];
    [first, second]
}

#[test]
fn a_connection_that_is_cut_after_any_byte_loses_and_doubles_nothing() {
    let make = |database| Postgres::new(database, Clock::system());
    RUNTIME.block_on(cut_everywhere(|database| Arc::new(make(database)), scans));
}

#[test]
fn a_connection_that_is_cut_during_a_copy_loses_and_doubles_nothing() {
    let make = |database| Postgres::new(database, Clock::system()).copying_from(0);
    RUNTIME.block_on(cut_everywhere(|database| Arc::new(make(database)), scans));
}

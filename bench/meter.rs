//! What is used between two moments, here and by the Postgres of the experiment.

use scanflow::clock::Clock;
use scanflow::model::UnixTime;
use serde::Serialize;

use crate::server::Server;
use crate::usage;

/// CPU seconds of this process and of others of its cluster (`client`), and of all processes of the server (`db`); the most memory
/// that this process held, in MB of 10^6 bytes; bytes of write-ahead log.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    pub(crate) client_cpu_s: f64,
    pub(crate) db_cpu_s: f64,
    pub(crate) rss_peak_mb: f64,
    pub(crate) wal_bytes: i64,
}

pub(crate) struct Meter<'a> {
    server: &'a Server,
    clock: &'a Clock,
    pub(crate) wal_position: String,
    client_cpu_s: f64,
    db_cpu_s: f64,
    at: UnixTime,
}

impl Meter<'_> {
    pub(crate) async fn start<'a>(
        server: &'a Server,
        clock: &'a Clock,
    ) -> anyhow::Result<Meter<'a>> {
        let wal_position = server.wal_position().await?;
        usage::forget_rss_max();
        Ok(Meter {
            server,
            clock,
            wal_position,
            client_cpu_s: usage::own_cpu_s(),
            db_cpu_s: usage::tree_cpu_s(server.pid),
            at: clock.now(),
        })
    }

    /// Since the start.
    pub(crate) async fn read(&self) -> anyhow::Result<Used> {
        Ok(Used {
            seconds: self.clock.now().since(self.at).as_secs_f64(),
            client_cpu_s: usage::own_cpu_s() - self.client_cpu_s,
            db_cpu_s: usage::tree_cpu_s(self.server.pid) - self.db_cpu_s,
            rss_peak_mb: usage::own_rss_max_mb(),
            wal_bytes: self.server.wal_bytes_since(&self.wal_position).await?,
        })
    }
}

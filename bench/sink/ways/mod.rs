//! Ways of writing what a scan found, one a file. All write the same insights, history and scan
//! state, except `raw`, which shows what Postgres itself can do.

use std::collections::HashMap;

use anyhow::Context;
use clap::ValueEnum;
use deadpool_postgres::{Manager, Pool};
use scanflow::clock::Clock;
use scanflow::model::{CheckId, Outcome};
use scanflow::sinks::LargeOutcome;
use scanflow::sinks::postgres::{Postgres, calibrate};
use scanflow::store::postgres::Database;
use serde::Serialize;
use tokio_postgres::NoTls;

use super::outcomes::CHECKS;
use crate::server::Server;

mod binary_copy;
mod copy_temp;
mod ours;
mod raw;
mod rows;
mod scan_state;
mod unnest;
mod upsert;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Way {
    /// One INSERT .. ON CONFLICT a finding, awaited
    Rows,
    /// INSERT .. ON CONFLICT of arrays of 1,000 findings
    Unnest,
    /// COPY into a temporary table made for the flush, then INSERT .. ON CONFLICT from it
    CopyTemp,
    /// The sink
    Ours,
    /// The sink with outcomes that have no digest: what is stored is compared each time
    OursCompared,
    /// The sink with findings that lie in a spool already, as those of an asset too large to be held
    OursSpooled,
    /// The limit: binary COPY of new findings into insights and history, and nothing else
    Raw,
}

impl Way {
    pub(crate) const ALL: [Way; 7] = [
        Way::Rows,
        Way::Unnest,
        Way::CopyTemp,
        Way::Ours,
        Way::OursCompared,
        Way::OursSpooled,
        Way::Raw,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Way::Rows => "rows",
            Way::Unnest => "unnest",
            Way::CopyTemp => "copy_temp",
            Way::Ours => "ours",
            Way::OursCompared => "ours_compared",
            Way::OursSpooled => "ours_spooled",
            Way::Raw => "raw",
        }
    }

    /// Whether it is meant for flushes of so many findings.
    pub(crate) const fn takes(self, findings: usize) -> bool {
        match self {
            Way::OursSpooled => SPOOLED_FROM <= findings,
            _ => true,
        }
    }

    /// Whether outcomes are handed over with their digest.
    pub(crate) const fn has_digest(self) -> bool {
        !matches!(self, Way::OursCompared)
    }

    /// The three that write each finding again, whether it changed or not, know by `seen` which
    /// they did not meet.
    const fn upserts(self) -> bool {
        matches!(self, Way::Rows | Way::Unnest | Way::CopyTemp)
    }
}

/// What is smaller is held.
const SPOOLED_FROM: usize = 10_000;

/// The assets that are measured are below it.
pub(crate) const OTHERS_FROM: i64 = 1_000_000;

/// Nobody writes into empty tables, and over empty tables Postgres plans otherwise: 4,000 assets
/// with 5 open insights each.
const OTHERS: &str = "
    insert into scan_state (asset_id) select 1000000 + n from generate_series(1, 4000) n;
    insert into insights (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
    select 1000000 + n, 1 + k % 4, format('%s.web.agency.example.gov', left(md5(format('%s %s', n, k)), 8)),
           2, jsonb_build_object('content', format('10.0.%s.%s', n % 256, k), 'ttl', 300), now(), now()
      from generate_series(1, 4000) n, generate_series(1, 5) k
     order by 1, 2, 3;
    insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence,
                                config_version, sequence)
    select first_seen, asset_id, check_id, subject, 1, severity, evidence, 1, 1 from insights";

fn pool(url: &str) -> anyhow::Result<Pool> {
    let manager = Manager::new(url.parse()?, NoTls);
    Ok(Pool::builder(manager).max_size(1).build()?)
}

/// An outcome as a way takes it.
pub(crate) enum Given {
    Held(Outcome),
    Spooled(LargeOutcome),
}

/// A database of its own with the tables of scanflow, written in one way.
pub(crate) struct Target {
    pub(crate) way: Way,
    name: String,
    pub(crate) database: Database,
    /// Of the other ways.
    pool: Pool,
    sink: Postgres,
    /// From so many findings on the sink copies.
    pub(crate) copy_findings_min: usize,
    numbers: HashMap<CheckId, i16>,
    clock: Clock,
}

impl Target {
    pub(crate) async fn make(server: &Server, clock: &Clock, way: Way) -> anyhow::Result<Target> {
        let name = format!("way_{}", way.name());
        let database = server.new_database(&name, clock).await?;
        let client = database.client().await?;
        if way.upserts() {
            client.batch_execute("alter table insights add column seen bigint").await?;
        }
        let names: Vec<&str> = CHECKS.iter().map(CheckId::as_str).collect();
        client.execute("insert into checks (name) select unnest($1::text[])", &[&names]).await?;
        let rows = client.query("select name, id from checks", &[]).await?;
        let number =
            |row: &tokio_postgres::Row| (CheckId::from_name(row.get::<_, String>(0)), row.get(1));
        let numbers = rows.iter().map(number).collect();
        drop(client);
        let copy_findings_min = calibrate(&database, clock).await?.copy_findings_min;
        let sink = Postgres::new(database.clone(), clock.clone()).copying_from(copy_findings_min);
        let clock = clock.clone();
        let pool = pool(&server.url_of(&name))?;
        Ok(Target { way, name, database, pool, sink, copy_findings_min, numbers, clock })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// By another connection, alone, that copies from so many findings on.
    pub(crate) fn reconnected(
        self,
        server: &Server,
        copy_findings_min: usize,
    ) -> anyhow::Result<Target> {
        let database = Database::open(&server.url_of(&self.name), 1)?;
        let sink =
            Postgres::new(database.clone(), self.clock.clone()).copying_from(copy_findings_min);
        let pool = pool(&server.url_of(&self.name))?;
        Ok(Target { database, pool, sink, copy_findings_min, ..self })
    }

    /// Forgets everything but what others have open, and makes the state of the assets 0 to
    /// `assets`.
    pub(crate) async fn clear(&self, assets: usize) -> anyhow::Result<()> {
        let client = self.database.client().await?;
        client.batch_execute("truncate insights, insight_events, scan_state").await?;
        client.batch_execute(OTHERS).await?;
        let insert = "insert into scan_state (asset_id) select generate_series(0, $1::bigint)";
        client.execute(insert, &[&i64::try_from(assets)?]).await?;
        Ok(())
    }

    /// What would otherwise be done at some moment of the measurement.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let client = self.database.client().await?;
        client.batch_execute("vacuum (analyze) insights").await?;
        client.batch_execute("vacuum (analyze) insight_events").await?;
        client.batch_execute("vacuum (analyze) scan_state").await?;
        client.batch_execute("checkpoint").await?;
        Ok(())
    }

    /// The numbers of the checks that an outcome completed.
    fn checks(&self, outcome: &Outcome) -> Vec<i16> {
        outcome.scope.checks().map(|(check, _)| self.numbers[check]).collect()
    }

    /// What is done before the flush, by whoever makes the outcome.
    pub(crate) fn given(&self, outcome: Outcome) -> anyhow::Result<Given> {
        Ok(match self.way {
            Way::OursSpooled => Given::Spooled(LargeOutcome::of(&outcome)?),
            _ => Given::Held(outcome),
        })
    }

    /// Makes one outcome durable.
    pub(crate) async fn write(&self, outcome: &Given) -> anyhow::Result<()> {
        let outcome = match outcome {
            Given::Held(outcome) => outcome,
            Given::Spooled(outcome) => return ours::write_spooled(&self.sink, outcome).await,
        };
        match self.way {
            Way::Rows => rows::write(self, outcome).await,
            Way::Unnest => unnest::write(self, outcome).await,
            Way::CopyTemp => copy_temp::write(self, outcome).await,
            Way::Ours | Way::OursCompared | Way::OursSpooled => {
                ours::write(&self.sink, outcome).await
            }
            Way::Raw => raw::write(self, outcome).await,
        }
        .with_context(|| format!("written by {}", self.way.name()))
    }
}

//! Reads how fresh the fleet is and what is open.

use std::time::{Duration, SystemTime};

use super::insights::{severity, time};
use super::reviews::{Classification, STANDS};
use super::{Database, DatabaseError, Session, lane_split};
use crate::lanes::Lanes;
use crate::model::{Severity, UnixTime};
use crate::schedule::{Cadences, LaneSplit};

/// The fleet at one moment, by the clock of the database.
#[derive(Clone, Debug)]
pub struct Status {
    pub at: UnixTime,
    /// By name.
    pub plans: Vec<Freshness>,
    /// Open insights, the worst first.
    pub open: Vec<(Severity, i64)>,
    /// Those of them that somebody has reviewed.
    pub reviewed: Vec<(Severity, Classification, i64)>,
    /// By the lane that the next scan of each asset is predicted to take.
    pub lanes: LaneSplit,
    pub last_completed_at: Option<UnixTime>,
    pub leases: Vec<Leader>,
    /// Outcomes that could not be stored.
    pub dead_letters: i64,
}

/// How well the promise of one plan is kept.
#[derive(Clone, Debug)]
pub struct Freshness {
    pub plan: String,
    /// That of `free` if the plan has none of its own.
    pub cadence: Duration,
    pub assets: i64,
    /// Assets that were scanned at least once.
    pub scanned: i64,
    /// Scanned ones whose last scan is longer ago than the cadence.
    pub overdue: i64,
    /// Since the last scan of the asset that was scanned longest ago.
    pub oldest_age: Option<Duration>,
}

/// Who leads.
#[derive(Clone, Debug)]
pub struct Leader {
    pub name: String,
    pub holder: String,
    pub expires_at: UnixTime,
    pub is_live: bool,
}

impl Status {
    /// Scans a second that keep every promise in the long run: the sum of count / cadence.
    pub fn nominal_per_second(&self) -> f64 {
        let of = |plan: &Freshness| plan.assets as f64 / plan.cadence.as_secs_f64();
        // Not `sum`: that of nothing is -0.
        self.plans.iter().map(of).fold(0.0, std::ops::Add::add)
    }
}

const FRESHNESS: &str = "
    with asset as (
        select id, plan from accounts where removed_at is null
        union all
        select z.id, coalesce(z.plan, a.plan)
          from zones z join accounts a on a.id = z.account_id
         where z.removed_at is null
    )
    select asset.plan, count(*), count(s.last_completed_at),
           count(*) filter (where coalesce(p.seconds, $3) * interval '1 second'
                                  < now() - s.last_scheduled_at),
           extract(epoch from now() - min(s.last_scheduled_at))::float8,
           max(s.last_completed_at)
      from asset
      left join unnest($1::text[], $2::float8[]) as p(plan, seconds) using (plan)
      left join scan_state s on s.asset_id = asset.id
     group by asset.plan
     order by asset.plan collate \"C\"";

const OPEN_BY_SEVERITY: &str = "select severity, count(*) from insights
    where resolved_at is null group by severity order by severity desc";

/// Counted from the reviews, which are few, or else all that is open.
fn reviewed_by_severity() -> String {
    format!(
        "select i.severity, r.classification, count(*)
           from insight_reviews r
           join insights i on (i.asset_id, i.check_id, i.subject)
                            = (r.asset_id, r.check_id, r.subject)
          where i.resolved_at is null and {STANDS}
          group by i.severity, r.classification order by i.severity desc, r.classification"
    )
}

/// Open insights, the worst first; severities without any are left out.
pub async fn open_by_severity(database: &Database) -> Result<Vec<(Severity, i64)>, DatabaseError> {
    let client = database.client().await?;
    let rows = client.query(OPEN_BY_SEVERITY, &[]).await?;
    Ok(rows.iter().map(|row| (severity(row.get(0)), row.get(1))).collect())
}

/// Open insights by check, the most frequent first.
pub async fn open_by_check(database: &Database) -> Result<Vec<(String, i64)>, DatabaseError> {
    let client = database.client().await?;
    let query = "select c.name, count(*) from insights i join checks c on c.id = i.check_id
                  where i.resolved_at is null group by c.name
                  order by count(*) desc, c.name collate \"C\"";
    let rows = client.query(query, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Reads all of the fleet once: seconds for millions of assets.
pub async fn status(
    database: &Database,
    cadences: &Cadences,
    lanes: &Lanes,
) -> Result<Status, DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.snapshot().await?;
    let at = time(&transaction.query_one("select now()", &[]).await?, 0);

    let (names, seconds): (Vec<&str>, Vec<f64>) =
        cadences.iter().map(|(plan, cadence)| (plan, cadence.as_secs_f64())).unzip();
    // Plans cannot be empty, so this is that of any unknown one.
    let fallback_seconds = cadences.of("").as_secs_f64();
    let rows = transaction.query(FRESHNESS, &[&names, &seconds, &fallback_seconds]).await?;
    let mut plans = Vec::new();
    let mut last_completed_at: Option<UnixTime> = None;
    for row in rows {
        let plan: String = row.get(0);
        last_completed_at =
            last_completed_at.max(row.get::<_, Option<SystemTime>>(5).map(UnixTime::from));
        let oldest_age: Option<f64> = row.get(4);
        plans.push(Freshness {
            cadence: cadences.of(&plan),
            plan,
            assets: row.get(1),
            scanned: row.get(2),
            overdue: row.get(3),
            oldest_age: oldest_age.map(|age| Duration::from_secs_f64(age.max(0.0))),
        });
    }

    let lanes = lane_split::of(&transaction, cadences, lanes).await?;

    let open = transaction.query(OPEN_BY_SEVERITY, &[]).await?;
    let open = open.iter().map(|row| (severity(row.get(0)), row.get(1))).collect();

    let reviewed = transaction.query(&reviewed_by_severity(), &[]).await?;
    let reviewed = reviewed
        .iter()
        .map(|row| (severity(row.get(0)), Classification::from_name(row.get(1)), row.get(2)));
    let reviewed = reviewed.collect();

    let (leases, dead_letters) = leases_and_dead_letters(&transaction).await?;
    transaction.commit().await?;
    Ok(Status { at, plans, open, reviewed, lanes, last_completed_at, leases, dead_letters })
}

/// Who leads, and how many outcomes could not be stored. What of the status the job does not know
/// by itself; the database stops after `within`.
pub async fn beside_the_job(
    database: &Database,
    within: Duration,
) -> Result<(Vec<Leader>, i64), DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.snapshot().await?;
    let within_ms = within.as_millis();
    transaction.batch_execute(&format!("set local statement_timeout = {within_ms}")).await?;
    let beside = leases_and_dead_letters(&transaction).await?;
    transaction.commit().await?;
    Ok(beside)
}

/// Whether some process leads now.
pub async fn has_leader(database: &Database) -> Result<bool, DatabaseError> {
    let live = "select exists (select from leases where clock_timestamp() < expires_at)";
    Ok(database.client().await?.query_one(live, &[]).await?.get(0))
}

async fn leases_and_dead_letters(
    transaction: &Session,
) -> Result<(Vec<Leader>, i64), DatabaseError> {
    let leases = "select name, holder, expires_at, clock_timestamp() < expires_at
                    from leases order by name";
    let leases = transaction.query(leases, &[]).await?;
    let leases = leases.iter().map(|row| Leader {
        name: row.get(0),
        holder: row.get(1),
        expires_at: time(row, 2),
        is_live: row.get(3),
    });
    let dead_letters = transaction.query_one("select count(*) from dead_letters", &[]).await?;
    Ok((leases.collect(), dead_letters.get(0)))
}

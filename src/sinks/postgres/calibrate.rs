//! From how many findings on it is faster to copy: measured, since it depends on the server and on
//! the way to it.
//!
//! Both ways write the same new findings into scratch tables, few and many; two straight lines
//! through that cross somewhere. COPY needs more round trips, so far away they cross later.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use futures_util::future::join;
use serde_json::json;

use super::COPY_FINDINGS_MIN;
use super::copying::{self, Copying, Head, Pipeline};
use crate::clock::Clock;
use crate::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Scan, ScanSequence, Severity, UnixTime,
};
use crate::sinks::Spool;
use crate::store::postgres::{Database, DatabaseError, Parameter, Session};
use crate::telemetry::FlushPath;

/// Whatever is measured, the threshold lies between these.
const FINDINGS_MIN: usize = 200;
const FINDINGS_MAX: usize = 20_000;

/// Sizes that are measured, each so many times; the fastest counts.
const FEW: usize = 100;
const MANY: usize = 3_000;
const TRIES: usize = 5;

/// The server's data may have moved, and the host.
const SERVER: &str = "select (select system_identifier from pg_control_system())::text || ' '
    || current_setting('server_version_num')";
const KNOWN: &str = "select copy_findings_min, measured_at from sink_calibrations
    where server = $1 and host = $2";
const REMEMBER: &str =
    "insert into sink_calibrations (server, host, copy_findings_min, measured_at)
    values ($1, $2, $3, $4)
    on conflict (server, host) do update
    set copy_findings_min = excluded.copy_findings_min, measured_at = excluded.measured_at";

/// As flush_outcomes does it with findings of which none is stored.
const UNNEST: &str = "with found as materialized (
        select f.check_id, f.subject, f.severity, f.evidence::jsonb as evidence
          from unnest($2::smallint[], $3::text[], $4::smallint[], $5::text[])
               as f(check_id, subject, severity, evidence)
    ), stored as materialized (
        select check_id, subject from sink_scratch_insights where asset_id = 0
    ), difference as materialized (
        select f.* from found f
          full join stored s on (f.check_id, f.subject) = (s.check_id, s.subject)
    ), inserted as (
        insert into sink_scratch_insights
               (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
        select 0, check_id, subject, severity, evidence, $1, $1 from difference
    ), history as (
        insert into sink_scratch_events (at, asset_id, check_id, subject, change, severity, evidence,
                                         config_version, sequence)
        select $1, 0, check_id, subject, 1, severity, evidence, 0, 0 from difference
    )
    select count(*) from difference";

const FENCE: &str = "select 1";
const STORED: &str = "select check_id, subject from sink_scratch_insights where asset_id = 0";
const COPY_INSIGHTS: &str = "copy sink_scratch_insights (asset_id, first_seen, changed_at, check_id, \
    subject, severity, evidence) from stdin binary";
const COPY_EVENTS: &str = "copy sink_scratch_events (at, asset_id, config_version, sequence, change, \
    check_id, subject, severity, evidence) from stdin binary";

/// What was measured of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// From so many findings on a flush is copied.
    pub copy_findings_min: usize,
    pub measured_at: UnixTime,
}

/// What was measured of this server from this host; None: nothing yet.
pub async fn calibration(database: &Database) -> Result<Option<Calibration>, DatabaseError> {
    let session = database.client().await?;
    let (server, host) = place(&session).await?;
    known(&session, &server, &host).await
}

/// As [`calibration`], measured if nothing is known, which takes about a second. Beside much else a
/// measurement may say nothing: then a common value counts.
pub async fn calibrate(database: &Database, clock: &Clock) -> Result<Calibration, DatabaseError> {
    let mut session = database.client().await?;
    let (server, host) = place(&session).await?;
    if let Some(known) = known(&session, &server, &host).await? {
        return Ok(known);
    }
    let measured_at = clock.now();
    let copy_findings_min = measure(&mut session, clock).await?.unwrap_or(COPY_FINDINGS_MIN);
    let findings = i32::try_from(copy_findings_min).unwrap_or(i32::MAX);
    let at = SystemTime::from(measured_at);
    session.execute(REMEMBER, &[&server, &host, &findings, &at]).await?;
    tracing::info!(copy_findings_min, "measured from how many findings on a flush is copied");
    Ok(Calibration { copy_findings_min, measured_at })
}

async fn place(session: &Session) -> Result<(String, String), DatabaseError> {
    let server = session.query_one(SERVER, &[]).await?.get(0);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok((server, host.trim().to_owned()))
}

async fn known(
    session: &Session,
    server: &str,
    host: &str,
) -> Result<Option<Calibration>, DatabaseError> {
    let row = session.query_opt(KNOWN, &[&server, &host]).await?;
    Ok(row.map(|row| Calibration {
        copy_findings_min: usize::try_from(row.get::<_, i32>(0)).unwrap_or(FINDINGS_MIN),
        measured_at: UnixTime::from(row.get::<_, SystemTime>(1)),
    }))
}

async fn measure(session: &mut Session, clock: &Clock) -> Result<Option<usize>, DatabaseError> {
    let mut fastest = HashMap::<(FlushPath, usize), Duration>::new();
    // The first one prepares, and is not counted.
    for attempt in 0..=TRIES {
        for size in [FEW, MANY] {
            for path in [FlushPath::Unnest, FlushPath::Copy] {
                let findings = findings(size);
                let started = clock.now();
                match path {
                    FlushPath::Unnest => unnest(session, &findings, started).await?,
                    FlushPath::Copy => copy(session, &findings, started).await?,
                }
                let took = clock.now().since(started);
                if attempt != 0 {
                    let best = fastest.entry((path, size)).or_insert(took);
                    *best = took.min(*best);
                }
            }
        }
    }
    let line = |path| Line::through(fastest[&(path, FEW)], fastest[&(path, MANY)]);
    Ok(crossing(&line(FlushPath::Unnest), &line(FlushPath::Copy)))
}

/// Seconds of a flush by its findings.
struct Line {
    fixed: f64,
    each: f64,
}

impl Line {
    fn through(few: Duration, many: Duration) -> Line {
        let (few, many) = (few.as_secs_f64(), many.as_secs_f64());
        let each = (many - few) / (MANY - FEW) as f64;
        Line { fixed: few - each * FEW as f64, each }
    }
}

/// From where on copying is faster; None: each finding costs more, which is noise.
fn crossing(unnest: &Line, copy: &Line) -> Option<usize> {
    let saved = unnest.each - copy.each;
    let findings = (copy.fixed - unnest.fixed).max(0.0) / saved;
    (0.0 < saved).then(|| (findings as usize).clamp(FINDINGS_MIN, FINDINGS_MAX))
}

fn findings(size: usize) -> Vec<Finding> {
    let finding = |number| {
        let evidence = json!({ "record": "203.0.113.7", "type": "A", "number": number });
        Finding::new(format!("host-{number:06}.example.net"), Severity::Medium, evidence)
    };
    (0..size).map(finding).collect()
}

async fn unnest(
    session: &mut Session,
    findings: &[Finding],
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let at = SystemTime::from(now);
    let checks = vec![0i16; findings.len()];
    let subjects: Vec<&str> = findings.iter().map(|finding| finding.subject.as_str()).collect();
    let severities: Vec<i16> = findings.iter().map(|finding| finding.severity as i16).collect();
    let evidence: Vec<&str> = findings.iter().map(|finding| finding.evidence.as_str()).collect();
    let arguments: [&dyn Parameter; 5] = [&at, &checks, &subjects, &severities, &evidence];
    drop(session.transaction_with(UNNEST, &arguments).await?);
    Ok(())
}

async fn copy(
    session: &mut Session,
    findings: &[Finding],
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let check = CheckId::new("scratch");
    let mut spool = Spool::new();
    findings.iter().try_for_each(|finding| spool.push(&check, finding))?;
    let fence_of_none = Fence { config_version: ConfigVersion(0), sequence: ScanSequence(0) };
    let scan = Scan {
        asset: AssetId(0),
        fence: fence_of_none,
        scheduled_at: now,
        duration: Duration::ZERO,
        records: 0,
        measured: None,
    };
    let (transaction, _) = session.transaction_with(FENCE, &[]).await?;
    transaction.prepare(STORED, &[]).await?;
    let (read, copying) =
        join(transaction.query(STORED, &[]), transaction.copy_in(COPY_INSIGHTS)).await;
    drop(read?);
    let mut copying = Copying::new(copying?);
    let (mut smalls, mut rows) = (Vec::new(), spool.rows());
    copying::smalls(None, 0, &mut smalls);
    let head = Head::of_insight(&scan, now);
    while let Some(row) = rows.read()? {
        copying.row([head.bytes(), &smalls, row.fields]).await?;
    }
    let (copied, copying) = join(copying.finish(), transaction.copy_in(COPY_EVENTS)).await;
    copied?;
    let mut copying = Copying::new(copying?);
    let mut rows = spool.rows();
    copying::smalls(Some(1), 0, &mut smalls);
    let head = Head::of_event(&scan, now);
    while let Some(row) = rows.read()? {
        copying.row([head.bytes(), &smalls, row.fields]).await?;
    }
    let mut rest = Pipeline::default();
    rest.send(async move { copying.finish().await.map(drop) }).await?;
    rest.send(async { transaction.query_one(FENCE, &[]).await.map(drop) }).await?;
    Ok(rest.finish().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fixed_ms: f64, each_us: f64) -> Line {
        Line { fixed: fixed_ms / 1e3, each: each_us / 1e6 }
    }

    #[test]
    fn far_away_copying_pays_later_and_never_outside_of_the_bounds() {
        let near = crossing(&line(1.0, 20.0), &line(4.0, 15.0));
        assert!(near.is_some_and(|n| (595..=605).contains(&n)), "3 ms at 5 us each: {near:?}");
        // Three more round trips of 10 ms.
        let far = crossing(&line(11.0, 20.0), &line(44.0, 15.0));
        assert!(far.is_some_and(|n| (6_590..=6_610).contains(&n)), "{far:?}");
        assert_eq!(crossing(&line(1.0, 20.0), &line(1.0, 10.0)), Some(FINDINGS_MIN));
        assert_eq!(crossing(&line(1.0, 20.0), &line(900.0, 15.0)), Some(FINDINGS_MAX));
        assert_eq!(crossing(&line(1.0, 10.0), &line(4.0, 15.0)), None);
    }

    #[test]
    fn two_measurements_give_the_line() {
        let of = |findings: usize| Duration::from_micros(1_000 + 20 * findings as u64);
        let Line { fixed, each } = Line::through(of(FEW), of(MANY));
        assert!((fixed - 1e-3).abs() < 1e-9 && (each - 20e-6).abs() < 1e-9, "{fixed} {each}");
    }
}

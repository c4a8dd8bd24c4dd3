//! The sink of Postgres as a candidate. All candidates share a database: each has assets of its
//! own, which the contract sees under their small numbers.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use scanflow::clock::Clock;
use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Outcome, Resolution, Scan, ScanSequence,
    Severity,
};
use scanflow::sinks::memory::{Change, InsightEvent};
use scanflow::sinks::postgres::Postgres;
use scanflow::store::postgres::Database;
use scanflow_testing::TestDatabase;

use crate::{ASSETS_MAX, Candidate, RUNTIME, Way};

static SHARED: LazyLock<TestDatabase> =
    LazyLock::new(|| RUNTIME.block_on(scanflow_testing::database()));

/// What is open, with severity and evidence.
const OPEN: &str = "select i.asset_id, c.name, i.subject, i.severity, i.evidence
    from insights i join checks c on c.id = i.check_id
    where i.resolved_at is null and i.asset_id between $1 and $2";
const HISTORY: &str =
    "select e.asset_id, c.name, e.subject, e.change, e.config_version, e.sequence,
        e.reason
    from insight_events e join checks c on c.id = e.check_id where e.asset_id between $1 and $2
    order by e.asset_id, e.config_version, e.sequence, c.name, e.subject";

/// Adds the rows that an import makes.
pub(crate) async fn add_assets(database: &Database, first: i64, last: i64) {
    let client = database.client().await.expect("a connection");
    let add = "insert into scan_state (asset_id) select generate_series($1::bigint, $2)";
    client.execute(add, &[&first, &last]).await.expect("new assets");
}

/// From `copy_findings_min` findings on it copies.
pub(crate) fn candidate(name: &'static str, copy_findings_min: usize, way: Way) -> Candidate {
    static NEXT_BASE: AtomicI64 = AtomicI64::new(0);
    let base = NEXT_BASE.fetch_add(100, Ordering::Relaxed);
    let database = SHARED.database.clone();
    RUNTIME.block_on(add_assets(&database, base + 1, base + ASSETS_MAX));
    let sink = Postgres::new(database.clone(), Clock::system()).copying_from(copy_findings_min);
    let (reader, history_reader) = (database.clone(), database);
    Candidate {
        name,
        flush: Box::new(move |outcomes| {
            let moved: Vec<Outcome> = outcomes.iter().map(|o| moved(o, base)).collect();
            way(&sink, &moved)
        }),
        open: Box::new(move || {
            let rows = RUNTIME.block_on(query(&reader, OPEN, base));
            let insight = |row: &tokio_postgres::Row| {
                let (asset, check): (i64, String) = (row.get(0), row.get(1));
                let (subject, severity): (String, i16) = (row.get(2), row.get(3));
                let severity = Severity::ALL[usize::try_from(severity).expect("a severity")];
                let finding = Finding::new(subject.clone(), severity, row.get(4));
                ((AssetId(asset - base), CheckId::from_name(check), subject), finding)
            };
            rows.iter().map(insight).collect()
        }),
        history: Box::new(move || {
            let rows = RUNTIME.block_on(query(&history_reader, HISTORY, base));
            rows.iter().map(|row| event(row, base)).collect()
        }),
    }
}

async fn query(database: &Database, sql: &str, base: i64) -> Vec<tokio_postgres::Row> {
    let client = database.client().await.expect("a connection");
    client.query(sql, &[&base, &(base + ASSETS_MAX)]).await.expect("rows")
}

fn moved(outcome: &Outcome, base: i64) -> Outcome {
    let asset = AssetId(outcome.scan.asset.0 + base);
    Outcome { scan: Scan { asset, ..outcome.scan }, ..outcome.clone() }
}

fn event(row: &tokio_postgres::Row, base: i64) -> InsightEvent {
    let change = match row.get(3) {
        1i16 => Change::Opened,
        2 => Change::Changed,
        3 => Change::Resolved,
        4 => Change::Reopened,
        other => panic!("{other} is no change"),
    };
    let reason = row.get::<_, Option<&str>>(6).map(|name| {
        let all = [Resolution::Fixed, Resolution::CheckDisabled];
        all.into_iter().find(|reason| reason.name() == name).expect("a reason of a scan")
    });
    let number = |column| row.get::<_, i64>(column).unsigned_abs();
    InsightEvent {
        asset: AssetId(row.get::<_, i64>(0) - base),
        fence: Fence {
            config_version: ConfigVersion(number(4)),
            sequence: ScanSequence(number(5)),
        },
        check: CheckId::from_name(row.get::<_, String>(1)),
        subject: row.get(2),
        change,
        reason,
    }
}

//! An outcome with 500,000 findings: what it takes of memory, and what is written. A process of its
//! own, whose memory is nobody else's.

use std::fs;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Judged, Outcome, Scan, ScanSequence, Severity,
    UnixTime, Verdict,
};
use scanflow::sinks::postgres::{Postgres, Rows};
use scanflow::sinks::{Flushed, LargeOutcome, Sink, Spool};

const FINDINGS: usize = 500_000;
const BEYOND_IDLE_MAX_MB: u64 = 64;

const CHECK: CheckId = CheckId::new("t.a");

/// Its findings come one by one, as those of shards do.
fn outcome(sequence: u64, findings: impl Iterator<Item = Finding>) -> LargeOutcome {
    let mut spool = Spool::new();
    findings.for_each(|finding| spool.push(&CHECK, &finding).expect("a disk"));
    spool.close();
    let scan = Scan {
        asset: AssetId(1),
        fence: Fence { config_version: ConfigVersion(1), sequence: ScanSequence(sequence) },
        scheduled_at: UnixTime::from_micros(0),
        duration: Duration::ZERO,
        records: 0,
        measured: None,
    };
    let judged = vec![Judged { check: CHECK, version: 1, verdict: Verdict::Pass }];
    let Outcome { scan, scope, .. } = Outcome::new(scan, judged, false);
    LargeOutcome { scan, scope, digest: None, findings: spool }
}

fn finding(number: usize, text: &str) -> Finding {
    let subject = format!("host-{number:06}.department.example.net A 203.0.113.7");
    Finding::new(subject, Severity::Medium, serde_json::json!({ "record": number, "text": text }))
}

/// A field of `/proc/self/status` in MB of 10^6 bytes.
fn memory_mb(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib * 1_024 / 1_000_000
}

#[tokio::test]
async fn half_a_million_findings_take_64_mb_at_most() {
    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    client.execute("insert into scan_state (asset_id) values (1)", &[]).await.expect("an asset");
    drop(client);
    let sink = Postgres::new(test.database.clone(), Clock::system());
    let idle = memory_mb("VmRSS");
    fs::write("/proc/self/clear_refs", "5").expect("the peak can be forgotten");

    let fresh = outcome(1, (0..FINDINGS).map(|number| finding(number, "old")));
    assert_eq!(sink.flush_large(&fresh).await.expect("a flush"), Flushed::Done);
    drop(fresh);
    // A quarter is as before, a quarter differs, half is missing.
    let half = (0..FINDINGS / 2).map(|n| finding(n, if n % 2 == 0 { "old" } else { "new" }));
    assert_eq!(sink.flush_large(&outcome(2, half)).await.expect("a flush"), Flushed::Done);

    let peak = memory_mb("VmHWM");
    assert!(peak <= idle + BEYOND_IDLE_MAX_MB, "{peak} MB, {idle} MB when idle");
    let (all, half) = (FINDINGS as u64, FINDINGS as u64 / 2);
    let rows = Rows { opened: all, changed: half / 2, resolved: half, reopened: 0 };
    assert_eq!(sink.rows(), rows);
    let client = test.database.client().await.expect("a connection");
    let counts = "select count(*), count(*) filter (where resolved_at is null),
        (select count(*) from insight_events) from insights";
    let counts = client.query_one(counts, &[]).await.expect("counts");
    let counts: [i64; 3] = [counts.get(0), counts.get(1), counts.get(2)];
    assert_eq!(counts.map(i64::unsigned_abs), [all, half, all + half / 2 + half]);
}

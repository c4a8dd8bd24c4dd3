//! What scans cost is stored with their state, whichever way they are written, and read with the fleet.

use scanflow::clock::Clock;
use scanflow::model::{CostClass, Lane, Measured, Outcome, Scan, UnknownReason, Verdict};
use scanflow::sinks::postgres::Postgres;
use scanflow::store::postgres::{Database, list};

use crate::{RUNTIME, Way, finding, held, outcome, spooled};

const ACCOUNT: &str = "insert into sources (name) values ('s');
    insert into accounts (id, source_id, external_id, name, plan, content_hash)
    values (1, 1, 'a', 'A', 'pro', gen_random_uuid());
    insert into scan_state (asset_id) values (1)";

fn measured(us: f64, lane: Lane) -> Option<Measured> {
    Some(Measured { cost: CostClass::of_us(us), lane })
}

fn of(sequence: u64, verdicts: &[(usize, Verdict)], measured: Option<Measured>) -> Outcome {
    let outcome = outcome(1, 1, sequence, verdicts);
    Outcome { scan: Scan { measured, ..outcome.scan }, ..outcome }
}

/// As the scheduler reads it, and whether the account was scanned.
async fn stored(database: &Database) -> (Option<Measured>, bool) {
    let mut fleet = Vec::new();
    list(database, |listed| fleet.push(listed)).await.expect("a list");
    let [account] = &fleet[..] else { panic!("one account: {fleet:?}") };
    (account.measured, account.scheduled_at.is_some())
}

#[test]
fn what_scans_cost_is_stored_and_a_scan_of_some_checks_leaves_it() {
    let ways: [(usize, Way); 3] = [(usize::MAX, held), (0, held), (0, spooled)];
    for (copy_findings_min, way) in ways {
        let test = RUNTIME.block_on(scanflow_testing::database());
        let database = &test.database;
        RUNTIME.block_on(async {
            let client = database.client().await.expect("a connection");
            client.batch_execute(ACCOUNT).await.expect("an account");
        });
        let sink = Postgres::new(database.clone(), Clock::system()).copying_from(copy_findings_min);
        let fail = || Verdict::Fail(vec![finding("x", "1")]);
        let all = || [(0, fail()), (1, Verdict::Pass), (2, Verdict::Pass)];
        let unknown = Verdict::unknown(UnknownReason::Partial);
        let expect = |outcome: Outcome, expected: (Option<Measured>, bool)| {
            way(&sink, &[outcome]);
            let stored = RUNTIME.block_on(stored(database));
            assert_eq!(stored, expected, "from {copy_findings_min} findings on");
        };
        let (cheap, dear) = (measured(80.0, Lane::Fast), measured(90_000.0, Lane::Slow));
        expect(of(1, &[(0, fail())], dear), (None, false));
        // A full scan, though something stays open beside what it found.
        let kept = [(0, unknown), (1, fail()), (2, Verdict::Pass)];
        expect(of(2, &kept, cheap), (cheap, true));
        expect(of(3, &all(), dear), (dear, true));
        expect(of(4, &all(), cheap), (cheap, true));
        expect(of(5, &[(0, fail())], dear), (cheap, true));
        expect(of(6, &all(), None), (cheap, true));
    }
}

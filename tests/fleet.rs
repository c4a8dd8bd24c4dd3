//! The fleet list and its changes, on a real server.

use std::time::Duration;

use scanflow::model::AssetId;
use scanflow::schedule::{AssetChange, Listed};
use scanflow::store::postgres::{Database, Mark, changes_since, list};

const ADD_ACCOUNT: &str = "insert into sources (name) values ('s');
    insert into accounts (id, source_id, external_id, name, plan, content_hash)
    values (1, 1, 'a', 'A', 'pro', gen_random_uuid());
    insert into scan_state (asset_id) values (1)";

fn add_zone(id: i64, plan: &str) -> String {
    format!(
        "insert into zones (id, source_id, external_id, account_id, name, plan, records_complete,
             record_count, content_hash)
         values ({id}, 1, 'z{id}', 1, 'z{id}.test', {plan}, true, 7, gen_random_uuid());
         insert into scan_state (asset_id) values ({id});
         insert into asset_changes (asset_id) values ({id})"
    )
}

fn listed(asset: i64, plan: &str, records: u64) -> Listed {
    let (asset, account) = (AssetId(asset), AssetId(1));
    Listed { asset, account, plan: plan.into(), scheduled_at: None, records, measured: None }
}

async fn changed(database: &Database, since: &Mark) -> (Vec<AssetChange>, Mark) {
    let mut changes = Vec::new();
    let next = changes_since(database, since, |more| changes.extend(more)).await;
    (changes, next.expect("changes"))
}

/// The next changes: those of other tests on the same server hold back what is told.
async fn changes(database: &Database, mut mark: Mark) -> (Vec<AssetChange>, Mark) {
    for _ in 0..3_000 {
        let (changes, next) = changed(database, &mark).await;
        if !changes.is_empty() {
            return (changes, next);
        }
        mark = next;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no change came");
}

#[tokio::test]
async fn a_zone_without_a_plan_takes_that_of_its_account() {
    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    client.batch_execute(ADD_ACCOUNT).await.expect("an account");
    client.batch_execute(&add_zone(2, "null")).await.expect("a zone");
    client.batch_execute(&add_zone(3, "'free'")).await.expect("a zone");
    let mut fleet = Vec::new();
    list(&test.database, |listed| fleet.push(listed)).await.expect("a list");
    fleet.sort_by_key(|listed| listed.asset);
    assert_eq!(fleet, [listed(1, "pro", 0), listed(2, "pro", 7), listed(3, "free", 7)]);
}

#[tokio::test]
async fn a_change_whose_transaction_commits_late_is_not_lost() {
    let test = scanflow_testing::database().await;
    let client = test.database.client().await.expect("a connection");
    client.batch_execute(ADD_ACCOUNT).await.expect("an account");
    let mark = list(&test.database, |_| ()).await.expect("a list");

    // The late one draws its id first and commits after the next was read.
    let late = test.database.client().await.expect("a connection");
    late.batch_execute(&format!("begin; {}", add_zone(2, "null"))).await.expect("a zone");
    client.batch_execute(&add_zone(3, "null")).await.expect("a zone");
    let (mut both, mark) = changed(&test.database, &mark).await;
    late.batch_execute("commit").await.expect("a commit");
    let (then, mark) = changes(&test.database, mark).await;
    both.extend(then);
    both.sort_by_key(|change| match change {
        AssetChange::Listed(listed) => listed.asset,
        AssetChange::Removed(asset) => *asset,
    });
    let zones = [listed(2, "pro", 7), listed(3, "pro", 7)].map(AssetChange::Listed);
    assert_eq!(both, zones);

    let remove = "update zones set removed_at = now() where id = 2;
        insert into asset_changes (asset_id) values (2)";
    client.batch_execute(remove).await.expect("a removal");
    let (removed, _) = changes(&test.database, mark).await;
    assert_eq!(removed, [AssetChange::Removed(AssetId(2))]);
}

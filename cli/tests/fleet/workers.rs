//! The graph over Postgres against a plain loop over the same fleet.

use std::collections::BTreeMap;

use scanflow::checks;
use scanflow::config::JobConfig;
use scanflow::lanes::{Lanes, Threshold};
use scanflow::model::AssetId;
use scanflow::store::load_with_references;
use scanflow_testing::{Expected, shared_data};
use serde_json::Value;
use timely::CommunicationConfig;

use crate::process::Place;

/// Severity and evidence by asset, check and subject.
type Open = BTreeMap<(i64, String, String), (i16, Value)>;

#[tokio::test]
async fn two_workers_find_what_a_plain_loop_finds_also_when_what_crosses_them_is_serialised() {
    let Some(data) = shared_data("moj") else { return };
    for workers in [CommunicationConfig::Process(2), CommunicationConfig::ProcessBinary(2)] {
        let place = Place::importing(&data).await;
        // A zone of a few hundred records is slow, and many shards: both lanes have something to do.
        let lanes = Lanes { slow_predicted_ms_min: Threshold::Millis(1), ..Lanes::default() };
        let config = JobConfig { lanes, shard_records: 40, ..JobConfig::default() };
        let led = place.scan_by(workers.clone(), config).await;
        let returned = &led.summary.stats.returned;
        assert_eq!(returned.fast + returned.slow, 407, "{workers:?}");
        assert!(0 < returned.slow, "{workers:?}: {returned:?}");
        let open = by_graph(&place).await;
        assert_eq!(open, by_loop(&place).await, "{workers:?}");
        let expected = Expected::of("moj").expect("lies beside the data");
        assert_eq!(open.len(), expected.fails.len(), "{workers:?}");
    }
}

async fn by_graph(place: &Place) -> Open {
    let client = place.test.database.client().await.expect("a connection");
    let sql = "select i.asset_id, c.name, i.subject, i.severity, i.evidence
                 from insights i join checks c on c.id = i.check_id where i.resolved_at is null";
    let rows = client.query(sql, &[]).await.expect("insights");
    let open =
        rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), (row.get(3), row.get(4))));
    open.collect()
}

async fn by_loop(place: &Place) -> Open {
    let client = place.test.database.client().await.expect("a connection");
    let rows = client.query("select asset_id from scan_state", &[]).await.expect("assets");
    let assets: Vec<AssetId> = rows.iter().map(|row| AssetId(row.get(0))).collect();
    let snapshots = load_with_references(&place.test.database, checks::ALL, &assets).await;
    let mut open = Open::new();
    for (asset, snapshot) in snapshots.expect("snapshots") {
        for check in checks::ALL {
            for finding in checks::evaluate(*check, &snapshot).into_findings() {
                let key = (asset.0, check.about().id.to_string(), finding.subject);
                let evidence = serde_json::from_str(&finding.evidence).expect("JSON");
                open.insert(key, (finding.severity as i16, evidence));
            }
        }
    }
    open
}

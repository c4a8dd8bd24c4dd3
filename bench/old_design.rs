//! The design that the story began with: one event at a time, each finding upserted by a statement of
//! its own.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use scanflow::checks;
use scanflow::clock::Clock;
use scanflow::model::{AssetId, CheckId, Snapshot};
use scanflow::store::load_with_references;
use scanflow::store::postgres::Database;

const UPSERT: &str = "insert into insights
        (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
    values ($1, $2, $3, $4, $5::text::jsonb, $6, $6)
    on conflict (asset_id, check_id, subject) do update
       set severity = excluded.severity, evidence = excluded.evidence,
           changed_at = excluded.changed_at, resolved_at = null, resolution = null";

const RESOLVE: &str = "update insights set resolved_at = $2, changed_at = $2, resolution = 'fixed'
    where asset_id = $1 and resolved_at is null and changed_at < $2";

const COMPLETE: &str = "update scan_state
    set last_scheduled_at = $2, last_completed_at = $2, config_version = $3, sequence = sequence + 1
    where asset_id = $1";

pub(crate) struct OldDesign<'d> {
    database: &'d Database,
    clock: &'d Clock,
    assets: Vec<AssetId>,
    numbers: HashMap<CheckId, i16>,
}

impl<'d> OldDesign<'d> {
    /// Over a part of the fleet that is spread over all of it.
    pub(crate) async fn of(
        database: &'d Database,
        clock: &'d Clock,
        assets_max: usize,
    ) -> anyhow::Result<OldDesign<'d>> {
        let client = database.client().await?;
        let names: Vec<&str> = checks::ALL.iter().map(|check| check.about().id.as_str()).collect();
        let number = "insert into checks (name) select unnest($1::text[]) on conflict do nothing";
        client.execute(number, &[&names]).await?;
        let rows = client.query("select name, id from checks", &[]).await?;
        let numbers =
            rows.iter().map(|row| (CheckId::from_name(row.get::<_, String>(0)), row.get(1)));
        let numbers = numbers.collect();
        let sample = "select asset_id from scan_state order by hashint8(asset_id) limit $1";
        let rows = client.query(sample, &[&i64::try_from(assets_max)?]).await?;
        let assets = rows.iter().map(|row| AssetId(row.get(0))).collect();
        Ok(OldDesign { database, clock, assets, numbers })
    }

    /// Scans one after the other, for so long or until all of them are scanned. Returns how many
    /// were, and in how many seconds.
    pub(crate) async fn pass(&self, length_max: Duration) -> anyhow::Result<(u64, f64)> {
        let started = self.clock.now();
        let mut scans = 0;
        for asset in &self.assets {
            if length_max <= self.clock.now().since(started) {
                break;
            }
            let loaded = load_with_references(self.database, checks::ALL, &[*asset]).await?;
            if let Some(snapshot) = loaded.get(asset) {
                self.write(*asset, snapshot).await?;
                scans += 1;
            }
        }
        Ok((scans, self.clock.now().since(started).as_secs_f64()))
    }

    async fn write(&self, asset: AssetId, snapshot: &Snapshot) -> anyhow::Result<()> {
        let at = SystemTime::from(self.clock.now());
        let client = self.database.client().await?;
        for check in checks::ALL {
            let number = self.numbers[&check.about().id];
            for finding in checks::evaluate(*check, snapshot).into_findings() {
                let severity = finding.severity as i16;
                let (subject, evidence) = (&finding.subject, &finding.evidence);
                client
                    .execute(UPSERT, &[&asset.0, &number, subject, &severity, evidence, &at])
                    .await?;
            }
        }
        client.execute(RESOLVE, &[&asset.0, &at]).await?;
        let version = snapshot.config_version().0.cast_signed();
        client.execute(COMPLETE, &[&asset.0, &at, &version]).await?;
        Ok(())
    }
}

//! Zones with very many records, made by the server itself: every fifth record is a finding.

use std::collections::HashSet;

use scanflow::model::AssetId;

use crate::server::Server;

/// The plan of giants, and of nothing else.
pub(super) const PLAN: &str = "giant";

/// Names have six digits.
pub(super) const RECORDS_MAX: i64 = 999_999;

const OWNER: &str = "
    insert into sources (name) values ('giants');
    insert into accounts (source_id, external_id, name, plan, content_hash)
    select id, 'giants', 'Giants', 'free', gen_random_uuid() from sources where name = 'giants';
    insert into scan_state (asset_id) select id from accounts where external_id = 'giants'";

const GIANTS: &str = "(select id from zones where plan = 'giant')";

/// Of one account. Each has so many records: addresses, of which every fifth is a private one.
pub(super) async fn add(server: &Server, giants: u32, records: u32) -> anyhow::Result<()> {
    server.execute(OWNER).await?;
    for giant in 1..=giants {
        let add = format!(
            "with zone as (
                 insert into zones (source_id, external_id, account_id, name, plan, state,
                                    records_complete, record_count, content_hash)
                 select source_id, 'giant-{giant}', id, 'giant-{giant}.example', '{PLAN}',
                        '{{\"status\": \"active\"}}', true, {records}, gen_random_uuid()
                   from accounts where external_id = 'giants'
                 returning id, name),
             state as (insert into scan_state (asset_id) select id from zone)
             insert into records (zone_id, name, type, content, ttl, proxied)
             select id, 'host-' || lpad(n::text, 6, '0') || '.' || name, 'A',
                    concat_ws('.', case when n % 5 = 0 then 10 else 1 end,
                              (n >> 16) & 255, (n >> 8) & 255, n & 255),
                    300, false
               from zone, generate_series(1, {records}) n"
        );
        server.execute(&add).await?;
    }
    server.execute("vacuum (analyze) records").await?;
    server.execute("vacuum (analyze) scan_state").await
}

/// So many of them are there as if they were due for the first time since now; the others are away.
pub(super) async fn renew(server: &Server, giants: u32) -> anyhow::Result<()> {
    let renew = format!(
        "update zones z set removed_at = case when g.number <= {giants} then null else now() end
           from (select id, row_number() over (order by id) as number
                   from zones where plan = '{PLAN}') g
          where z.id = g.id;
         delete from insights where asset_id in {GIANTS};
         update scan_state
            set last_scheduled_at = now(), last_completed_at = null, digest = null,
                config_version = 0, sequence = 0, cost = null, is_slow = null
          where asset_id in {GIANTS}"
    );
    server.execute(&renew).await?;
    server.execute("vacuum (analyze) insights").await
}

/// Those that are there and were not scanned since they were made or renewed.
pub(super) async fn left(server: &Server) -> anyhow::Result<i64> {
    let left = "select count(*) from scan_state s join zones z on z.id = s.asset_id
                 where z.plan = 'giant' and z.removed_at is null and s.sequence = 0";
    server.number(left).await
}

pub(super) async fn ids(server: &Server) -> anyhow::Result<HashSet<AssetId>> {
    let client = server.connections.control.client().await?;
    let rows = client.query("select id from zones where plan = 'giant'", &[]).await?;
    Ok(rows.iter().map(|row| AssetId(row.get(0))).collect())
}

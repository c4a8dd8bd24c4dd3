//! What `rows`, `unnest` and `copy_temp` have in common: each finding is written, what it changed
//! goes to the history, and what was not met is resolved.

use std::time::SystemTime;

use deadpool_postgres::Transaction;
use scanflow::model::Outcome;

use super::scan_state::fence;

/// How what is stored is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// One by one, by the key.
    Each,
    /// As Postgres thinks best for the whole.
    Joined,
}

/// `$1` asset, `$2` time, `$3` and `$4` the fence; `input` selects `check_id`, `subject`, `severity`
/// and `evidence`.
pub(super) fn statement(input: &str, lookup: Lookup) -> String {
    let key = "s.asset_id = $1 and s.check_id = n.check_id and s.subject = n.subject";
    let stored = match lookup {
        // A limit cannot be pulled up into a join that reads all insights of the asset.
        Lookup::Each => {
            format!("lateral (select * from insights s where {key} limit 1) s on true")
        }
        Lookup::Joined => format!("insights s on {key}"),
    };
    format!(
        "with input as materialized ({input}), difference as materialized (
             select n.*, (case
                        when s.asset_id is null then 1
                        when s.resolved_at is not null then 4
                        when (s.severity, s.evidence) is distinct from (n.severity, n.evidence)
                        then 2 end)::smallint as change
               from input n
               left join {stored}
         ), written as (
             insert into insights as i (asset_id, check_id, subject, severity, evidence,
                                        first_seen, changed_at, seen)
             select $1, check_id, subject, severity, evidence, $2, $2, $4
               from difference
              order by check_id, subject
             on conflict (asset_id, check_id, subject) do update
                set severity = excluded.severity, evidence = excluded.evidence,
                    changed_at = case when i.resolved_at is not null
                             or (i.severity, i.evidence)
                                is distinct from (excluded.severity, excluded.evidence)
                             then excluded.changed_at else i.changed_at end,
                    resolved_at = null, resolution = null, seen = excluded.seen
         )
         insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence,
                                     config_version, sequence)
         select $2::timestamptz, $1::bigint, check_id, subject, change, severity, evidence,
                $3::bigint, $4::bigint
           from difference where change is not null"
    )
}

const RESOLVE: &str = "
    with resolved as (
        update insights
           set resolved_at = $2, changed_at = $2, resolution = 'fixed'
         where asset_id = $1 and resolved_at is null and seen <> $4 and check_id = any($5)
        returning check_id, subject, severity, evidence
    )
    insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence, reason,
                                config_version, sequence)
    select $2::timestamptz, $1::bigint, check_id, subject, 3, severity, evidence, 'fixed',
           $3::bigint, $4::bigint
      from resolved";

/// Resolves what is open of the checks and was not written by this scan.
pub(super) async fn resolve(
    transaction: &Transaction<'_>,
    outcome: &Outcome,
    checks: &[i16],
    at: SystemTime,
) -> anyhow::Result<()> {
    let (config_version, sequence) = fence(outcome);
    let statement = transaction.prepare_cached(RESOLVE).await?;
    transaction
        .execute(&statement, &[&outcome.scan.asset.0, &at, &config_version, &sequence, &checks])
        .await?;
    Ok(())
}

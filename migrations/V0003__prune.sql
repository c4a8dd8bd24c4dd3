-- Takes assets of one source out of the fleet that the source no longer lists; `p_asset` ascending.
-- The row stays, so that an asset that comes back has its old id. Returns how many there were.
--
-- Locks first, in key order and in a statement of its own, as flush_outcomes does. The fence goes
-- up to a version that no scan under way has read: a late outcome is stale. An asset that comes back
-- counts as never scanned.
create function prune_assets(p_asset bigint[]) returns integer
language plpgsql as $$
declare
    v_removed bigint[];
begin
    perform 1 from scan_state where asset_id = any(p_asset) order by asset_id for update;

    with z as (
        update zones
           set removed_at = now(), config_version = config_version + 1, record_count = 0
         where id = any(p_asset) and removed_at is null returning id
    ), a as (
        update accounts
           set removed_at = now(), config_version = config_version + 1
         where id = any(p_asset) and removed_at is null returning id
    )
    select coalesce(array_agg(id order by id), '{}')
      into v_removed
      from (select id from z union all select id from a) removed;

    delete from records where zone_id = any(v_removed);

    update scan_state s
       set config_version = v.config_version, digest = null,
           last_scheduled_at = null, last_completed_at = null
      from (select id, config_version from zones where id = any(v_removed)
            union all
            select id, config_version from accounts where id = any(v_removed)) v
     where s.asset_id = v.id;

    with resolved as (
        update insights
           set resolved_at = now(), changed_at = now(), resolution = 'asset_removed'
         where asset_id = any(v_removed) and resolved_at is null
        returning asset_id, check_id, subject, severity, evidence
    )
    insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence,
                                reason, config_version, sequence)
    select now(), r.asset_id, r.check_id, r.subject, 3, r.severity, r.evidence, 'asset_removed',
           s.config_version, s.sequence
      from resolved r join scan_state s using (asset_id)
     order by r.asset_id, r.check_id, r.subject;

    insert into asset_changes (asset_id) select unnest(v_removed);
    return cardinality(v_removed);
end $$;

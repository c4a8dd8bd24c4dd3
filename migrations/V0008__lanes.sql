-- What scans of an asset cost, and the lane of the last one, beside its other state.

-- A row that was scanned had 3 bytes left before its end was aligned: it grows by none. No index has
-- them, so that the update of a scan stays HOT.
alter table scan_state
    add column cost smallint,                   -- of load, check and write, exponentially weighted:
                                                -- 1 + 1024 log2(microseconds); null: never measured
    add column is_slow boolean;

drop function complete_scans;

-- Notes that scans are complete; their rows are locked. A digest stands only while the open insights
-- are exactly the findings of the outcome. Without p_scheduled_at not every check was asked: when the
-- asset was scanned last and what that cost stay as they were.
create function complete_scans(
    p_at timestamptz,
    p_asset bigint[], p_config_version bigint[], p_sequence bigint[],
    p_scheduled_at timestamptz[], p_duration_us bigint[], p_records integer[], p_digest uuid[],
    p_cost smallint[] default null, p_is_slow boolean[] default null)
returns void language plpgsql as $$
begin
    update scan_state s
       set last_scheduled_at = coalesce(u.scheduled_at, s.last_scheduled_at),
           last_completed_at =
               case when u.scheduled_at is null then s.last_completed_at else p_at end,
           config_version = u.config_version, sequence = u.sequence,
           duration_us = case when u.scheduled_at is null then s.duration_us else u.duration_us end,
           records = u.records, digest = u.digest,
           cost = case when u.scheduled_at is null then s.cost else coalesce(u.cost, s.cost) end,
           is_slow =
               case when u.scheduled_at is null then s.is_slow else coalesce(u.is_slow, s.is_slow) end
      from unnest(p_asset, p_config_version, p_sequence, p_scheduled_at, p_duration_us, p_records,
                  p_digest, p_cost, p_is_slow)
           as u(asset, config_version, sequence, scheduled_at, duration_us, records, digest, cost,
                is_slow)
     where s.asset_id = u.asset;
end $$;

drop function flush_outcomes;

-- Applies the outcomes of different assets; arrays of one length each, `p_asset` ascending.
--   p_scope     number of the outcome's scope; its completed checks are the rows of s_scope, s_check
--   s_disabled  of these rows: nobody asked the check, since it is switched off for the asset
--   f_outcome   of a finding: the place of its outcome in p_*, from 1 on
--   p_in_order  whether to wait for whoever writes the same assets
--   p_cost, p_is_slow  what scans of the asset cost, and the lane of this one; null: as before
--   results     one an outcome: 0 applied, else as fence_outcomes has it
--
-- The unchanged are taken first: an update that waits for a row checks fence and digest again. What is
-- left is locked in a statement of its own, see fence_outcomes. By then rows are locked that may come
-- behind, so nobody is waited for, or two could wait for each other: lock_not_available means to come
-- again with p_in_order, which locks all in key order first.
--
-- A plan is made for all sizes of the arrays. Found and stored are matched by a full join, which no
-- nested loop can do; without seq scans a plan from when the tables were small does no harm later, and
-- rows are updated in key order.
create function flush_outcomes(
    p_at timestamptz,
    p_asset bigint[], p_config_version bigint[], p_sequence bigint[],
    p_scheduled_at timestamptz[], p_duration_us bigint[], p_records integer[],
    p_digest uuid[], p_scope integer[],
    s_scope integer[], s_check smallint[], s_disabled boolean[],
    f_outcome integer[], f_check smallint[], f_subject text[], f_severity smallint[],
    f_evidence text[], p_in_order boolean,
    p_cost smallint[] default null, p_is_slow boolean[] default null,
    out results smallint[], out opened integer, out changed integer, out resolved integer,
    out reopened integer)
language plpgsql set enable_seqscan = off as $$
declare
    v_same bigint[];        -- assets of which nothing has changed
    v_rest bigint[];        -- the others
    v_kept integer[];       -- outcomes beside whose findings insights stay open
begin
    opened := 0; changed := 0; resolved := 0; reopened := 0;
    if p_in_order then
        perform 1 from scan_state where asset_id = any(p_asset) order by asset_id for update;
    end if;

    with same as (
        update scan_state s
           set last_scheduled_at = u.scheduled_at, last_completed_at = p_at,
               config_version = u.config_version, sequence = u.sequence,
               duration_us = u.duration_us, records = u.records,
               cost = coalesce(u.cost, s.cost), is_slow = coalesce(u.is_slow, s.is_slow)
          from unnest(p_asset, p_config_version, p_sequence, p_scheduled_at, p_duration_us,
                      p_records, p_digest, p_cost, p_is_slow)
               as u(asset, config_version, sequence, scheduled_at, duration_us, records, digest, cost,
                    is_slow)
         where s.asset_id = u.asset and s.digest = u.digest
           and (s.config_version, s.sequence) < (u.config_version, u.sequence)
        returning s.asset_id
    )
    select array_agg(asset_id) into v_same from same;
    if cardinality(v_same) = cardinality(p_asset) then
        results := array_fill(1::smallint, array[cardinality(p_asset)]);
        return;
    end if;

    v_rest := array(select unnest(p_asset) except select unnest(v_same));
    if not p_in_order then
        perform 1 from scan_state where asset_id = any(v_rest) order by asset_id for update nowait;
    end if;
    select array_agg(case
               when r.asset is null then 1
               when s.asset_id is null then 4
               when (u.config_version, u.sequence) < (s.config_version, s.sequence) then 3
               when (u.config_version, u.sequence) = (s.config_version, s.sequence) then 2
               else 0 end order by u.n)
      into results
      from unnest(p_asset, p_config_version, p_sequence)
           with ordinality as u(asset, config_version, sequence, n)
      full join unnest(v_rest) as r(asset) on r.asset = u.asset
      left join scan_state s on s.asset_id = r.asset;

    if 0 = any(results) then
        with found as materialized (
            select f.outcome, f.check_id, f.subject, f.severity, f.evidence::jsonb as evidence
              from unnest(f_outcome, f_check, f_subject, f_severity, f_evidence)
                   as f(outcome, check_id, subject, severity, evidence)
             where results[f.outcome] = 0
        ), stored as materialized (
            select o.outcome::integer as outcome, i.check_id, i.subject, i.severity, i.evidence,
                   i.resolved_at is null as is_open, i.ctid as place
              from unnest(p_asset, results) with ordinality as o(asset, result, outcome)
              join insights i on i.asset_id = o.asset
             where o.result = 0
        ), matched as materialized (
            select coalesce(f.outcome, s.outcome) as outcome,
                   coalesce(f.check_id, s.check_id) as check_id,
                   coalesce(f.subject, s.subject) as subject,
                   coalesce(f.severity, s.severity) as severity,
                   coalesce(f.evidence, s.evidence) as evidence,
                   s.place,
                   case when s.outcome is null then 1
                        when f.outcome is null then case when s.is_open then 3 end
                        when not s.is_open then 4
                        when (s.severity, s.evidence) is distinct from (f.severity, f.evidence)
                        then 2 end as change
              from found f
              full join stored s on (f.outcome, f.check_id, f.subject)
                                  = (s.outcome, s.check_id, s.subject)
        ), missing as materialized (
            select m.*, c.scope is not null as is_completed,
                   case when c.is_disabled then 'check_disabled' else 'fixed' end as reason
              from matched m
              left join unnest(s_scope, s_check, s_disabled) as c(scope, check_id, is_disabled)
                on (c.scope, c.check_id) = (p_scope[m.outcome], m.check_id)
             where m.change = 3
        ), difference as materialized (
            select m.*, null::text as reason from matched m where m.change in (1, 2, 4)
            union all
            select m.outcome, m.check_id, m.subject, m.severity, m.evidence, m.place, m.change,
                   m.reason
              from missing m where m.is_completed
        ), inserted as (
            insert into insights
                   (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
            select p_asset[outcome], check_id, subject, severity, evidence, p_at, p_at
              from difference where change = 1
        ), updated as (
            update insights i
               set severity = d.severity, evidence = d.evidence, changed_at = p_at,
                   resolved_at = case when d.change = 3 then p_at end, resolution = d.reason
              from difference d
             where d.change <> 1 and i.ctid = d.place
        ), history as (
            insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence,
                                        reason, config_version, sequence)
            select p_at, p_asset[outcome], check_id, subject, change, severity, evidence, reason,
                   p_config_version[outcome], p_sequence[outcome]
              from difference
        )
        select count(*) filter (where d.change = 1), count(*) filter (where d.change = 2),
               count(*) filter (where d.change = 3), count(*) filter (where d.change = 4),
               (select array_agg(distinct m.outcome) from missing m where not m.is_completed)
          into opened, changed, resolved, reopened, v_kept
          from difference d;

        perform complete_scans(
            p_at, array_agg(u.asset), array_agg(u.config_version), array_agg(u.sequence),
            array_agg(u.scheduled_at), array_agg(u.duration_us), array_agg(u.records),
            array_agg(case when (u.n = any(v_kept)) is not true then u.digest end),
            array_agg(u.cost), array_agg(u.is_slow))
           from unnest(p_asset, p_config_version, p_sequence, p_scheduled_at, p_duration_us,
                       p_records, p_digest, p_cost, p_is_slow, results) with ordinality
                as u(asset, config_version, sequence, scheduled_at, duration_us, records, digest,
                     cost, is_slow, result, n)
          where u.result = 0;
    end if;
end $$;

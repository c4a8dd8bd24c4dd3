-- What people say of insights, and why an insight of a check that is switched off is resolved.

-- Scans neither read nor write it: an insight that is resolved and opens again keeps its review.
create table insight_reviews (
    asset_id bigint not null,
    check_id smallint not null references checks,
    subject text not null,
    classification text not null
        check (classification in ('accepted', 'baseline', 'false_positive', 'other')),
    until timestamptz                           -- from then on it counts as not reviewed
        check (until is null or classification = 'accepted'),
    note text,
    author text not null,
    reviewed_at timestamptz not null,
    primary key (asset_id, check_id, subject)
);

-- Append-only: every review that was given, changed or taken back.
create table insight_review_events (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    author text not null,
    asset_id bigint not null,
    check_id smallint not null,
    subject text not null,
    before text,                                -- null: there was no review
    before_until timestamptz,
    after text,                                 -- null: it was taken back
    after_until timestamptz,
    note text
);
create index insight_review_events_asset on insight_review_events (asset_id, at);

comment on column insights.resolution is 'why: fixed, check_disabled, asset_removed';

drop function flush_outcomes;

-- Applies the outcomes of different assets; arrays of one length each, `p_asset` ascending.
--   p_scope     number of the outcome's scope; its completed checks are the rows of s_scope, s_check
--   s_disabled  of these rows: nobody asked the check, since it is switched off for the asset
--   f_*         the findings of all outcomes
--   results     one an outcome: 0 applied, 1 unchanged, 2 duplicate, 3 stale, 4 asset unknown
--
-- Locks first, in key order and in a statement of its own: each statement of a volatile function
-- takes a new snapshot, so all that follows sees what the last holder of the lock has written. One
-- large statement would keep the snapshot from before its wait.
create function flush_outcomes(
    p_at timestamptz,
    p_asset bigint[], p_config_version bigint[], p_sequence bigint[],
    p_scheduled_at timestamptz[], p_duration_us bigint[], p_records integer[],
    p_digest uuid[], p_scope integer[],
    s_scope integer[], s_check smallint[],
    f_asset bigint[], f_check smallint[], f_subject text[], f_severity smallint[], f_evidence text[],
    s_disabled boolean[] default null,      -- null: none, from processes older than this migration
    out results smallint[], out opened integer, out changed integer, out resolved integer,
    out reopened integer)
language plpgsql as $$
declare
    v_newer bigint[];       -- assets whose fence is newer
    v_compare bigint[];     -- those of them whose digest differs, or is not known
begin
    opened := 0; changed := 0; resolved := 0; reopened := 0;

    perform 1 from scan_state where asset_id = any(p_asset) order by asset_id for update;

    select array_agg(case
               when s.asset_id is null then 4
               when (u.config_version, u.sequence) < (s.config_version, s.sequence) then 3
               when (u.config_version, u.sequence) = (s.config_version, s.sequence) then 2
               when u.digest = s.digest then 1
               else 0 end order by u.n),
           array_agg(u.asset) filter (
               where (u.config_version, u.sequence) > (s.config_version, s.sequence)),
           array_agg(u.asset) filter (
               where (u.config_version, u.sequence) > (s.config_version, s.sequence)
                 and (u.digest = s.digest) is not true)
      into results, v_newer, v_compare
      from unnest(p_asset, p_config_version, p_sequence, p_digest)
           with ordinality as u(asset, config_version, sequence, digest, n)
      left join scan_state s on s.asset_id = u.asset;

    if v_compare is not null then
        with outcome as materialized (
            select u.asset, u.config_version, u.sequence, u.scope
              from unnest(p_asset, p_config_version, p_sequence, p_scope)
                   as u(asset, config_version, sequence, scope)
             where u.asset = any(v_compare)
        ), found as materialized (
            select f.asset, f.check_id, f.subject, f.severity, f.evidence::jsonb as evidence
              from unnest(f_asset, f_check, f_subject, f_severity, f_evidence)
                   as f(asset, check_id, subject, severity, evidence)
             where f.asset = any(v_compare)
        ), stored as materialized (
            select i.asset_id, i.check_id, i.subject, i.severity, i.evidence, i.resolved_at
              from insights i where i.asset_id = any(v_compare)
        ), difference as materialized (
            select f.*, case
                       when s.asset_id is null then 1
                       when s.resolved_at is not null then 4
                       when (s.severity, s.evidence) is distinct from (f.severity, f.evidence) then 2
                   end as change, null::text as reason
              from found f
              left join stored s on (s.asset_id, s.check_id, s.subject)
                                  = (f.asset, f.check_id, f.subject)
            union all
            select s.asset_id, s.check_id, s.subject, s.severity, s.evidence, 3,
                   case when c.is_disabled then 'check_disabled' else 'fixed' end
              from stored s
              join outcome o on o.asset = s.asset_id
              join unnest(s_scope, s_check, s_disabled) as c(scope, check_id, is_disabled)
                on (c.scope, c.check_id) = (o.scope, s.check_id)
              left join found f on (f.asset, f.check_id, f.subject)
                                 = (s.asset_id, s.check_id, s.subject)
             where s.resolved_at is null and f.asset is null
        ), inserted as (
            insert into insights
                   (asset_id, check_id, subject, severity, evidence, first_seen, changed_at)
            select asset, check_id, subject, severity, evidence, p_at, p_at
              from difference where change = 1
             order by asset, check_id, subject
        ), updated as (
            update insights i
               set severity = d.severity, evidence = d.evidence, changed_at = p_at,
                   resolved_at = case when d.change = 3 then p_at end, resolution = d.reason
              from difference d
             where d.change in (2, 3, 4)
               and (i.asset_id, i.check_id, i.subject) = (d.asset, d.check_id, d.subject)
        ), history as (
            insert into insight_events (at, asset_id, check_id, subject, change, severity, evidence,
                                        reason, config_version, sequence)
            select p_at, d.asset, d.check_id, d.subject, d.change, d.severity, d.evidence, d.reason,
                   o.config_version, o.sequence
              from difference d join outcome o using (asset)
             where d.change is not null
            returning change
        )
        select count(*) filter (where h.change = 1), count(*) filter (where h.change = 2),
               count(*) filter (where h.change = 3), count(*) filter (where h.change = 4)
          into opened, changed, resolved, reopened
          from history h;
    end if;

    -- The digest stands only while the open insights are exactly the findings of the outcome: what
    -- an `unknown` kept, or a scan of some checks, leaves it null.
    if v_newer is not null then
        with kept as materialized (
            select i.asset_id, count(*) as open
              from insights i
             where i.asset_id = any(v_compare) and i.resolved_at is null
             group by i.asset_id
        ), found as materialized (
            select f.asset, count(*) as open
              from unnest(f_asset) as f(asset) where f.asset = any(v_compare) group by f.asset
        )
        update scan_state s
           set last_scheduled_at = u.scheduled_at, last_completed_at = p_at,
               config_version = u.config_version, sequence = u.sequence,
               duration_us = u.duration_us, records = u.records,
               digest = case when coalesce(k.open, 0) = coalesce(f.open, 0) then u.digest end
          from unnest(p_asset, p_config_version, p_sequence, p_scheduled_at, p_duration_us,
                      p_records, p_digest)
               as u(asset, config_version, sequence, scheduled_at, duration_us, records, digest)
          left join kept k on k.asset_id = u.asset
          left join found f on f.asset = u.asset
         where s.asset_id = u.asset and u.asset = any(v_newer);
    end if;
end $$;

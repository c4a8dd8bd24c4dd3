-- What people ask to be scanned now, and scans of some checks, which do not count for the cadence.

create sequence scan_request_numbers as bigint;

-- One row an asset that is asked for. Progress is counted: no row is shared by all scans of a request.
create table scan_requests (
    id bigint generated always as identity primary key,
    request bigint not null,                    -- what is asked for together has one number
    together integer not null,                  -- and so many assets: the fewest go first
    asset_id bigint not null,
    checks text[],                              -- ascending; null: all
    requested_by text not null,
    requested_at timestamptz not null default clock_timestamp(),
    taken_by bigint,                            -- token of the leader that knows of it
    answered_at timestamptz,
    is_scanned boolean                          -- false: there is no such asset, or it cannot be; null:
                                                -- not answered
);
create index scan_requests_request on scan_requests (request);
create index scan_requests_asset on scan_requests (asset_id, answered_at);
create index scan_requests_new on scan_requests (together, id) where taken_by is null;
create index scan_requests_answered on scan_requests (answered_at) where answered_at is not null;
create index scan_requests_open on scan_requests (id) where answered_at is null;

-- What people order, for whoever leads: one row.
create table schedule_orders (
    name text primary key check (name = 'scheduler'),
    is_paused boolean not null default false,
    paused_by text,                             -- null: it is not
    paused_at timestamptz,
    spreads bigint not null default 0           -- how often it was ordered to spread the fleet
);
insert into schedule_orders (name) values ('scheduler');

-- Notes that scans are complete; their rows are locked. A digest stands only while the open insights
-- are exactly the findings of the outcome. Without p_scheduled_at not every check was asked: when the
-- asset was scanned last stays as it was.
create or replace function complete_scans(
    p_at timestamptz,
    p_asset bigint[], p_config_version bigint[], p_sequence bigint[],
    p_scheduled_at timestamptz[], p_duration_us bigint[], p_records integer[], p_digest uuid[])
returns void language plpgsql as $$
begin
    update scan_state s
       set last_scheduled_at = coalesce(u.scheduled_at, s.last_scheduled_at),
           last_completed_at =
               case when u.scheduled_at is null then s.last_completed_at else p_at end,
           config_version = u.config_version, sequence = u.sequence,
           duration_us = case when u.scheduled_at is null then s.duration_us else u.duration_us end,
           records = u.records, digest = u.digest
      from unnest(p_asset, p_config_version, p_sequence, p_scheduled_at, p_duration_us, p_records,
                  p_digest)
           as u(asset, config_version, sequence, scheduled_at, duration_us, records, digest)
     where s.asset_id = u.asset;
end $$;

-- Puts an outcome aside that cannot be stored, and advances the fence, or it would come back for ever.
-- False: that or a newer one was applied before. Without p_scheduled_at as complete_scans.
create or replace function park_outcome(
    p_at timestamptz, p_asset bigint, p_config_version bigint, p_sequence bigint,
    p_scheduled_at timestamptz, p_sqlstate text, p_message text, p_payload bytea)
returns boolean language plpgsql as $$
begin
    perform 1 from scan_state where asset_id = p_asset for update;
    update scan_state
       set last_scheduled_at = coalesce(p_scheduled_at, last_scheduled_at),
           last_completed_at = case when p_scheduled_at is null then last_completed_at else p_at end,
           config_version = p_config_version, sequence = p_sequence, digest = null
     where asset_id = p_asset
       and (config_version, sequence) < (p_config_version, p_sequence);
    if not found then
        return false;
    end if;
    insert into dead_letters (at, asset_id, config_version, sequence, sqlstate, message, payload)
    values (p_at, p_asset, p_config_version, p_sequence, p_sqlstate, p_message, p_payload);
    return true;
end $$;

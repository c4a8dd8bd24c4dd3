-- Everything that scanflow remembers. The words are those of docs/architecture.md.

-- Inventory -----------------------------------------------------------------------------------

-- Accounts and zones share one id space: both are assets.
create sequence asset_ids as bigint;

create table sources (
    id smallint generated always as identity primary key,
    name text not null unique
);

create table accounts (
    id bigint primary key default nextval('asset_ids'),
    source_id smallint not null references sources,
    external_id text not null,
    name text not null,
    plan text not null,
    tags text[] not null default '{}',
    settings jsonb,                             -- null: the facet is not known
    members jsonb,                              -- null: the facet is not known
    config_version bigint not null default 1,
    content_hash uuid not null,
    removed_at timestamptz,
    unique (source_id, external_id)
);

create table zones (
    id bigint primary key default nextval('asset_ids'),
    source_id smallint not null references sources,
    external_id text not null,
    account_id bigint not null references accounts,
    name text not null,                         -- lower case, no final dot, A-labels
    plan text,                                  -- null: that of the account
    state jsonb not null default '{}',          -- status, type, paused, tags
    settings jsonb,                             -- null: the facet is not known
    dnssec jsonb,                               -- null: the facet is not known
    records_complete boolean not null,
    record_count integer not null default 0,
    config_version bigint not null default 1,
    content_hash uuid not null,                 -- of the zone itself and its records
    removed_at timestamptz,
    unique (source_id, external_id)
);
create index zones_name on zones (name);        -- names are not unique
create index zones_account on zones (account_id);

-- A zone's set is replaced as a whole; no index over content, which may be longer than an index
-- entry.
create table records (
    zone_id bigint not null,
    name text not null,
    type text not null,
    content text not null,
    priority integer,
    ttl bigint,
    proxied boolean,
    private_routing boolean not null default false
);
create index records_zone_name on records (zone_id, name);

-- Written by whoever inserts, removes or re-plans an asset; read by xid, since an id that was
-- drawn earlier may be committed later. Rows older than a day are deleted.
create table asset_changes (
    id bigint generated always as identity,
    asset_id bigint not null,
    changed_in xid8 not null default pg_current_xact_id(),
    changed_at timestamptz not null default now()
);
create index asset_changes_changed_in on asset_changes (changed_in);

-- Scans ---------------------------------------------------------------------------------------

create table checks (
    id smallint generated always as identity primary key,
    name text not null unique                   -- never renamed, never reused
);

-- One row an asset, made with the asset: a missing row cannot be locked. No index but the primary
-- key, for ever: an index on a changing column would take away the HOT updates.
create table scan_state (
    asset_id bigint primary key,
    last_scheduled_at timestamptz,              -- both of the last completed scan
    last_completed_at timestamptz,
    config_version bigint not null default 0,   -- with sequence: the fence
    sequence bigint not null default 0,
    digest uuid,                                -- null: the next full scan compares keys
    duration_us bigint,
    records integer
) with (fillfactor = 40);                        -- a row grows from 52 to 100 bytes at its first scan:
                                                -- pages end up three quarters full, and every
                                                -- update finds room beside its old version

create table insights (
    id bigint generated always as identity,
    asset_id bigint not null,
    check_id smallint not null references checks,
    subject text not null,
    severity smallint not null,                 -- 0 info, 1 low, 2 medium, 3 high, 4 critical
    evidence jsonb not null,
    first_seen timestamptz not null,
    changed_at timestamptz not null,
    resolved_at timestamptz,                    -- null: open
    resolution text,                            -- why: fixed, asset_removed
    primary key (asset_id, check_id, subject)
) with (fillfactor = 90);
create index insights_open on insights (severity, check_id) where resolved_at is null;

-- Append-only. A month is a partition; the default one takes what nobody made a partition for.
create table insight_events (
    at timestamptz not null,
    asset_id bigint not null,
    check_id smallint not null,
    subject text not null,
    change smallint not null,                   -- 1 opened, 2 changed, 3 resolved, 4 reopened
    severity smallint not null,
    evidence jsonb not null,
    reason text,                                -- of a resolution
    config_version bigint not null,
    sequence bigint not null
) partition by range (at);
create index insight_events_asset on insight_events (asset_id, at);
create table insight_events_default partition of insight_events default;

-- Outcomes that can never be stored, with the cause.
create table dead_letters (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    asset_id bigint not null,
    config_version bigint not null,
    sequence bigint not null,
    sqlstate text not null,
    message text not null,
    payload bytea not null                      -- the outcome as JSON; it may hold what text cannot
);

-- One scheduler leads; its token fences what earlier ones still send.
create table leases (
    name text primary key,
    holder text not null,
    token bigint not null,
    expires_at timestamptz not null
);

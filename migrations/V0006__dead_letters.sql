-- Dead letters by month, and what is forgotten: whole months of the history and of dead letters, and
-- insights that were resolved long ago.

-- The functions below run as the owner, with the path that is set here. What is temporary comes last in
-- it: unnamed it would come first, and anybody's temporary view would be read in place of a table.
select set_config('search_path',
                  concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true);

alter table dead_letters rename to dead_letters_before;
alter index dead_letters_pkey rename to dead_letters_before_pkey;

-- A sequence, since partitions have no identity before Postgres 17.
create sequence dead_letter_ids as bigint;

-- Outcomes that could not be stored, with the cause. A month is a partition; the default one takes what
-- nobody made a partition for.
create table dead_letters (
    id bigint not null default nextval('dead_letter_ids'),      -- unique
    at timestamptz not null,
    asset_id bigint not null,
    config_version bigint not null,
    sequence bigint not null,
    sqlstate text not null,
    message text not null,
    payload bytea not null,                     -- the whole outcome; it may hold what text cannot
    primary key (id, at)
) partition by range (at);
alter sequence dead_letter_ids owned by dead_letters.id;
create table dead_letters_default partition of dead_letters default;

drop function ensure_history_partitions;

-- Makes the monthly partitions of the history and of dead letters from `from_at` on. It belongs to the
-- owner, since the runtime role may not create tables. Returns how many it made. A month that already
-- has rows in the default partition stays there, and one whose table is in use, such as by a dump, is
-- left for the next time: neither may stop anything that starts, nor whoever writes.
create function ensure_partitions(from_at timestamptz, months integer) returns integer
language plpgsql security definer set search_path from current as $$
declare
    parent text;
    first date;
    name text;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(x'7363616e666c6f77'::bigint); -- the one of whoever migrates
    perform set_config('lock_timeout', '500ms', true);
    foreach parent in array array['insight_events', 'dead_letters'] loop
        for n in 0 .. months - 1 loop
            first := (date_trunc('month', from_at at time zone 'UTC') + make_interval(months => n))::date;
            name := parent || '_' || to_char(first, 'YYYYMM');
            if to_regclass(quote_ident(name)) is null then
                begin
                    execute format(
                        'create table %I partition of %I for values from (%L) to (%L)', name, parent,
                        first || ' 00:00:00+00', (first + interval '1 month')::date || ' 00:00:00+00');
                    made := made + 1;
                exception
                    when check_violation then
                        raise notice '% stays in the default partition', name;
                    when lock_not_available then
                        raise notice '% is made another time', name;
                end;
            end if;
        end loop;
    end loop;
    return made;
end $$;
revoke execute on function ensure_partitions from public;

do $$
declare
    month timestamptz;
begin
    for month in select distinct date_trunc('month', at at time zone 'UTC') at time zone 'UTC'
                   from dead_letters_before loop
        perform ensure_partitions(month, 1);
    end loop;
end $$;
insert into dead_letters (id, at, asset_id, config_version, sequence, sqlstate, message, payload)
select id, at, asset_id, config_version, sequence, sqlstate, message, payload
  from dead_letters_before order by id;
select setval('dead_letter_ids', max(id)) from dead_letters having max(id) is not null;
drop table dead_letters_before;

-- The moment before which nothing is kept. By the earlier of two clocks: one that is wrong by a year
-- must not cost the history of a year. What is younger than a day is nobody's to forget.
create function forget_before(p_at timestamptz, p_keep interval) returns timestamptz
language plpgsql as $$
begin
    if p_keep < interval '1 day' then
        raise exception 'less than a day is to be kept: %', p_keep
            using errcode = 'invalid_parameter_value';
    end if;
    return least(p_at, now()) - p_keep;
end $$;

-- Drops one month that is over for longer than `p_keep`, the oldest, and returns its name; null: there
-- is none. What lies in the default partition goes when all of it is older. One a transaction, as it
-- shuts out all who write to the table while it waits for its lock, which is not for long: whoever
-- calls tries again later (55P03).
create function drop_old_partition(p_parent text, p_at timestamptz, p_keep interval) returns text
language plpgsql security definer set search_path from current as $$
declare
    v_before timestamptz := forget_before(p_at, p_keep);
    v_name text;
    v_newest timestamptz;
begin
    if p_parent not in ('insight_events', 'dead_letters') then
        raise exception '% has no months', p_parent using errcode = 'invalid_parameter_value';
    end if;
    perform set_config('lock_timeout', '500ms', true);
    select month.name into v_name
      from (select c.relname as name,
                   (regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$ TO \('([^']+)'\)$re$))[1]
                       ::timestamptz as ends_at
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = to_regclass(p_parent)) month
     where month.ends_at <= v_before
     order by month.ends_at limit 1;
    if v_name is not null then
        execute format('drop table %I', v_name);
        return v_name;
    end if;

    v_name := p_parent || '_default';
    execute format('select max(at) from %I', v_name) into v_newest;
    if v_newest is null or v_before <= v_newest then
        return null;
    end if;
    execute format('lock table %I in access exclusive mode', v_name);
    execute format('select max(at) from %I', v_name) into v_newest;
    if v_newest is null or v_before <= v_newest then
        return null;
    end if;
    execute format('truncate %I', v_name);
    return v_name;
end $$;
revoke execute on function drop_old_partition from public;

-- Deletes what was resolved longer ago than `p_keep` in some pages of `insights`. Returns how many
-- insights that were, and the page to go on with; null: it was the last. By pages: to read two million
-- insights takes a second, a few times a day, and an index would be one more that each resolution keeps.
--
-- A flush that reopens an insight has read it under the lock of its asset's `scan_state`: an asset that
-- is locked keeps its insights until the next time.
create function forget_resolved_insights(
    p_at timestamptz, p_keep interval, p_page bigint, p_pages integer,
    out deleted integer, out next_page bigint)
language plpgsql security definer set search_path from current as $$
declare
    v_before timestamptz := forget_before(p_at, p_keep);
    v_from tid := format('(%s,0)', p_page);
    v_to tid := format('(%s,0)', p_page + p_pages);
    v_assets bigint[];
begin
    deleted := 0;
    select array_agg(asset_id) into v_assets
      from insights where v_from <= ctid and ctid < v_to and resolved_at < v_before;
    if v_assets is not null then
        select array_agg(asset_id) into v_assets
          from (select asset_id from scan_state where asset_id = any(v_assets)
                 order by asset_id for update skip locked) locked;
        delete from insights
         where v_from <= ctid and ctid < v_to and resolved_at < v_before
           and asset_id = any(v_assets);
        get diagnostics deleted = row_count;
    end if;
    if (p_page + p_pages) * current_setting('block_size')::bigint < pg_relation_size('insights') then
        next_page := p_page + p_pages;
    end if;
end $$;
revoke execute on function forget_resolved_insights from public;

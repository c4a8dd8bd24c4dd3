//! Every scan that became durable, in the order in which it did: the table of the product remembers the
//! last of each asset alone.

use std::fmt;

use crate::drill::Drill;

/// Written in the transaction of the scan, so that what is rolled back leaves nothing here either.
const WRITE: &str = "
    create table drill_scans (
        id bigint generated always as identity primary key, asset_id bigint, sequence bigint,
        scheduled_at timestamptz, completed_at timestamptz);
    create function drill_scanned() returns trigger language plpgsql as $$ begin
        insert into drill_scans (asset_id, sequence, scheduled_at, completed_at)
        select asset_id, sequence, last_scheduled_at, last_completed_at from scanned;
        return null;
    end $$;
    create trigger drill_scanned after update on scan_state
        referencing new table as scanned for each statement execute function drill_scanned()";

/// Scans that began before the one before them of the same asset had ended.
const AT_ONCE: &str = "select count(*) from (
    select scheduled_at,
           lag(completed_at) over (partition by asset_id order by sequence) as before
      from drill_scans) scan
    where scheduled_at < before";

/// Scans after a newer one of the same asset, or the same one again.
const OUT_OF_ORDER: &str = "select count(*) from (
    select sequence, lag(sequence) over (partition by asset_id order by id) as before
      from drill_scans) scan
    where sequence <= before";

/// Scans that became durable after one of a later leader.
const OF_A_DEAD_LEADER: &str = "select count(*) from (
    select sequence >> 40 as token,
           max(sequence >> 40) over (order by id rows between unbounded preceding and 1 preceding)
               as before
      from drill_scans) scan
    where token < before";

const NEVER: &str = "select count(*) from scan_state s
    where not exists (select from drill_scans d where d.asset_id = s.asset_id)";

/// See [`Gaps`]; `$1` is the cadence, `$2` how many scans were logged before.
const GAPS: &str = "select array[min(gap), max(gap), avg(gap), count(*)::float8,
        (count(*) filter (where $1 < gap))::float8]
    from (
        select extract(epoch from scheduled_at - lag(scheduled_at) over scans)::float8 as gap,
               id
          from drill_scans window scans as (partition by asset_id order by sequence)) scan
    where gap is not null and $2 < id";

/// The time between two scans of the same asset, in seconds.
#[derive(Debug)]
pub(crate) struct Gaps {
    cadence_s: i64,
    shortest: f64,
    longest: f64,
    mean: f64,
    count: f64,
    late: f64,
}

/// From now on.
pub(crate) async fn write(drill: &Drill) {
    drill.place().change(WRITE).await;
}

/// Waits until so many scans are in the log.
pub(crate) async fn until(drill: &Drill, count: i64) {
    drill.until(&format!("select coalesce(max(id), 0) >= {count} from drill_scans")).await;
}

/// Holds the log against what has to be, whatever was disturbed; the gaps are those after so many scans.
pub(crate) async fn check(drill: &Drill, cadence_s: i64, after: i64) -> Gaps {
    for (what, question) in [
        ("scans of an asset at the same time", AT_ONCE),
        ("scans of an asset out of order", OUT_OF_ORDER),
        ("scans of a leader after those of the next", OF_A_DEAD_LEADER),
        ("assets without a scan", NEVER),
    ] {
        assert_eq!(drill.ask::<i64>(question).await, 0, "{what}");
    }
    let question = GAPS.replace("$1", &cadence_s.to_string()).replace("$2", &after.to_string());
    let gaps: Vec<Option<f64>> = drill.ask(&question).await;
    let gaps: Vec<f64> = gaps.into_iter().map(Option::unwrap_or_default).collect();
    let [shortest, longest, mean, count, late] = gaps[..] else { panic!("{gaps:?}") };
    Gaps { cadence_s, shortest, longest, mean, count, late }
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gaps { cadence_s, shortest, longest, mean, count, late } = self;
        write!(
            f,
            "between two scans of an asset: {shortest:.1} to {longest:.1} s, {mean:.1} s on average, \
             with a cadence of {cadence_s} s; {late} of {count} above it",
        )
    }
}

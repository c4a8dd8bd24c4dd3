//! How the stored costs of a fleet spread it over the lanes: as a run finds it at its start.

use super::{DatabaseError, Session};
use crate::lanes::{CostModel, Lanes, Threshold, WorkPerSecond};
use crate::model::{CostClass, Lane};
use crate::schedule::{Cadences, LaneSplit};

/// Assets by plan, cost (in eighths of a doubling), lane of the last scan, and whether they cost more than
/// `$3` us, or 0.8 of that if they were slow; with their cost. Of those of which no scan was measured it
/// follows from their size: `$1` us a scan and `$2` a record.
const BY_COST: &str = "
    with asset as (
        select id, plan, 0 as records from accounts where removed_at is null
        union all
        select z.id, coalesce(z.plan, a.plan), z.record_count
          from zones z join accounts a on a.id = z.account_id
         where z.removed_at is null
    ), scanned as (
        select asset.plan, s.is_slow,
               case when s.cost is null then $1 + $2 * asset.records
                    else power(2::float8, (s.cost - 1) / 1024::float8) end as us
          from asset left join scan_state s on s.asset_id = asset.id
    )
    select plan, floor(8 * ln(greatest(us, 1)) / ln(2::float8))::integer,
           is_slow, case when is_slow then 0.8 * $3 else $3 end < us, count(*), sum(us)
      from scanned group by 1, 2, 3, 4";

/// The middle of a class of that query.
fn middle_of_class(class: i32) -> CostClass {
    CostClass::of_us(((f64::from(class) + 0.5) / 8.0).exp2())
}

/// Reads all of the fleet once.
pub(super) async fn of(
    session: &Session,
    cadences: &Cadences,
    lanes: &Lanes,
) -> Result<LaneSplit, DatabaseError> {
    let coefficients = CostModel::default().coefficients();
    let set_us = lanes.border().us();
    let arguments: [&dyn super::Parameter; 3] =
        [&coefficients.scan_us, &coefficients.record_us, &set_us];
    let rows = session.query(BY_COST, &arguments).await?;

    let mut work = WorkPerSecond::default();
    for row in &rows {
        let (cost, us) = (middle_of_class(row.get(1)), row.get::<_, f64>(5));
        work.add_us(cost, us / cadences.of(row.get(0)).as_secs_f64());
    }
    let border = lanes.border_of(&work, lanes.border());
    let mut split = LaneSplit::new(border, coefficients);
    for row in &rows {
        let cost_us = middle_of_class(row.get(1)).us();
        let lane = match (lanes.slow_predicted_ms_min, row.get::<_, Option<bool>>(2)) {
            (Threshold::Millis(_), _) if row.get(3) => Lane::Slow,
            (Threshold::Millis(_), _) => Lane::Fast,
            (Threshold::Auto, Some(true)) => border.keep(Lane::Slow, cost_us),
            (Threshold::Auto, _) => border.keep(Lane::Fast, cost_us),
        };
        let cadence_s = cadences.of(row.get(0)).as_secs_f64();
        let (assets, us) = (row.get::<_, i64>(4).unsigned_abs(), row.get::<_, f64>(5));
        split.add(lane, assets, us / cadence_s);
    }
    Ok(split.as_parts())
}

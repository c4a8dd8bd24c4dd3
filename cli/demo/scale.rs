//! The time scale: a factor on cadences, so that a week passes while somebody looks.

use std::fmt;
use std::time::Duration;

use scanflow::schedule::{Cadences, PlanProgress};

/// A week in a minute: short enough to wait for, and at 20,000 zones about 450 scans a
/// second, which any machine can do.
pub(super) const DEFAULT: f64 = 10_080.0;
/// A day in a second.
pub(super) const MAX: f64 = 86_400.0;

/// Of what the machine has shown, the part that a demo may ask of it all the time.
const SHARE_MAX: f64 = 0.5;
/// Below this a lane's group commit is a good part of a cadence.
const CADENCE_MIN: Duration = Duration::from_secs(1);

/// How much faster than configured the fleet is scanned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) factor: f64,
    pub(super) asked: f64,
    /// Why it is not as asked.
    pub(super) lowered: Option<Lowered>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lowered {
    /// The machine does so many scans a second.
    Machine(f64),
    /// A plan has this cadence already.
    Cadence(Duration),
}

impl Scale {
    /// The largest factor up to `asked` at which the machine keeps up: it has shown to do so many
    /// scans a second, if it had the time to show anything. `plans` as they are configured.
    pub(super) fn fit(asked: f64, plans: &[PlanProgress], able_per_second: Option<f64>) -> Scale {
        let plans = plans.iter().filter(|plan| plan.assets != 0);
        let of = |plan: &PlanProgress| plan.assets as f64 / plan.cadence.as_secs_f64();
        // Not `sum`: that of nothing is -0.
        let nominal = plans.clone().map(of).fold(0.0, |sum, of| sum + of);
        let mut scale = Scale { factor: asked, asked, lowered: None };
        let shortest = plans.map(|plan| plan.cadence).min();
        if let Some(cadence) = shortest {
            let limit = cadence.div_duration_f64(CADENCE_MIN).max(1.0);
            if limit < scale.factor {
                scale = Scale { factor: limit, lowered: Some(Lowered::Cadence(cadence)), ..scale };
            }
        }
        if let Some(able) = able_per_second {
            let limit = (able * SHARE_MAX / nominal).max(1.0);
            if limit < scale.factor {
                scale = Scale { factor: limit, lowered: Some(Lowered::Machine(able)), ..scale };
            }
        }
        scale
    }

    /// Every cadence divided by the factor.
    pub(super) fn cadences(&self, configured: &Cadences) -> Cadences {
        let scaled = |cadence: Duration| cadence.div_f64(self.factor).max(Duration::from_micros(1));
        Cadences::with(configured.iter().map(|(plan, cadence)| (plan.to_owned(), scaled(cadence))))
    }
}

/// `x10080, a week in 60 s`
impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WEEK_SECONDS: f64 = 7.0 * 86_400.0;
        write!(f, "x{:.0}, a week in {:.0} s", self.factor, WEEK_SECONDS / self.factor)
    }
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lowered::Machine(able) => write!(
                f,
                "this machine scans {able:.0} a second, and half of that is left for other work"
            ),
            Lowered::Cadence(cadence) => {
                write!(f, "the shortest cadence is {}", humantime::format_duration(*cadence))
            }
        }
    }
}

/// A factor of `--time-scale`.
pub(super) fn parse(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (1.0..=MAX).contains(&factor) => Ok(factor),
        _ => Err(format!("must be a number from 1 to {MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn plan(name: &str, days: u32, assets: u64) -> PlanProgress {
        let plan = name.to_owned();
        let (cadence, never_scanned, overdue, oldest) = (days * DAY, 0, 0, None);
        PlanProgress { plan, cadence, assets, never_scanned, overdue, oldest }
    }

    #[test]
    fn a_week_in_a_minute_is_what_twenty_thousand_zones_can_have() {
        let plans = [plan("free", 7, 28_000), plan("enterprise", 1, 0)];
        let scale = Scale::fit(DEFAULT, &plans, Some(5_000.0));
        assert_eq!((scale.factor, scale.lowered), (DEFAULT, None));
        assert_eq!(scale.to_string(), "x10080, a week in 60 s");
        let cadences = scale.cadences(&Cadences::default());
        assert_eq!(cadences.of("free"), Duration::from_secs(60));
    }

    #[test]
    fn what_the_machine_cannot_keep_is_lowered() {
        let scale = Scale::fit(DEFAULT, &[plan("free", 7, 600_000)], Some(5_000.0));
        assert_eq!(scale.factor, 2_520.0, "2,500 scans a second");
        assert_eq!(scale.lowered, Some(Lowered::Machine(5_000.0)));
        assert_eq!(Scale::fit(DEFAULT, &[plan("free", 7, 600_000)], None).lowered, None);
        let huge = Scale::fit(DEFAULT, &[plan("free", 7, 1_000_000_000_000)], Some(1.0));
        assert_eq!(huge.factor, 1.0, "never slower than configured");
    }

    #[test]
    fn no_cadence_gets_shorter_than_a_second() {
        let mut quick = plan("quick", 1, 10);
        quick.cadence = Duration::from_secs(600);
        let scale = Scale::fit(DEFAULT, &[plan("free", 7, 10), quick.clone()], None);
        assert_eq!((scale.factor, scale.lowered), (600.0, Some(Lowered::Cadence(quick.cadence))));
    }

    #[test]
    fn a_fleet_without_assets_lowers_nothing() {
        assert_eq!(Scale::fit(DEFAULT, &[], Some(10.0)).lowered, None);
    }

    #[test]
    fn other_factors_are_refused() {
        for text in ["0", "0.5", "-1", "nan", "inf", "86401", "fast", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!((parse("1"), parse("86400")), (Ok(1.0), Ok(MAX)));
    }
}

//! How often an asset of a plan is scanned.

use std::collections::BTreeMap;
use std::time::Duration;

/// The plan of an asset whose own has no cadence.
const FALLBACK_PLAN: &str = "free";

const DAY: Duration = Duration::from_secs(86_400);

/// Plans by name, each with the longest time between two scans of an asset. There is always one
/// for `free`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cadences(BTreeMap<String, Duration>);

impl Default for Cadences {
    /// 7 days for free, 3 for pro and business, 1 for enterprise.
    fn default() -> Cadences {
        let plans = [("free", 7), ("pro", 3), ("business", 3), ("enterprise", 1)];
        Cadences(plans.map(|(plan, days)| (plan.to_owned(), days * DAY)).into())
    }
}

impl Cadences {
    /// The defaults with `changed` laid over them.
    pub fn with(changed: impl IntoIterator<Item = (String, Duration)>) -> Cadences {
        let mut cadences = Cadences::default();
        cadences.0.extend(changed);
        cadences
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.0.iter().map(|(plan, cadence)| (plan.as_str(), *cadence))
    }

    pub fn knows(&self, plan: &str) -> bool {
        self.0.contains_key(plan)
    }

    /// That of `free` for a plan without one.
    pub fn of(&self, plan: &str) -> Duration {
        let cadence = self.0.get(plan).or_else(|| self.0.get(FALLBACK_PLAN));
        cadence.copied().unwrap_or(7 * DAY)
    }
}

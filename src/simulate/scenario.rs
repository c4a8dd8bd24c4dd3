//! What happens to which fleet: a file of TOML.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// The counts of a scenario are those of a fleet of so many assets, and grow and shrink with it.
pub const ASSETS_OF_COUNTS: u64 = 60_000_000;

const SHARES: u32 = 1_000;
const MINUTE: Duration = Duration::from_secs(60);

/// A scenario, with nothing in it that makes no sense.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a line.
    pub about: String,
    /// How long it is, unless somebody wants another length.
    pub days: u32,
    #[serde(default)]
    pub scheduler: Scheduler,
    #[serde(default)]
    pub fleet: FleetShape,
    #[serde(default)]
    pub sinks: Sinks,
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    /// That of the job.
    #[default]
    Agenda,
    /// All that is due, the minute it is due, accounts with all of their zones.
    Old,
}

/// Who is in the fleet at the start. What is left out is as in `steady`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetShape {
    /// Of a thousand assets, by plan.
    pub shares: BTreeMap<String, u32>,
    pub cadences: BTreeMap<String, Length>,
    pub ages: Ages,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Length(#[serde(with = "humantime_serde")] pub Duration);

/// How long ago the last scans are.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ages {
    /// Over the whole cadence.
    Even,
    /// So many of a thousand at one age, a part of the cadence; the others evenly.
    Herd { share: u32, age: f64 },
}

/// Those who take outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sinks {
    /// From emitted to durable.
    pub latency: Length,
    /// Weight under way; without it there is no bound.
    pub credits: Option<u32>,
}

/// Something that happens, from `at` on, counted from the start.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub at: Length,
    #[serde(default)]
    pub lasts: Option<Length>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// A plan has another cadence.
    Cadence {
        plan: String,
        to: Length,
    },
    /// So many assets come evenly while it lasts, never scanned.
    Newcomers(u64),
    /// An account of the plan comes with so many zones, all of them due at once.
    Account {
        zones: u64,
        plan: String,
    },
    /// Sinks take no more than this part of what the cadences need.
    SlowSinks {
        share: f64,
    },
    /// The process is not there.
    Down,
    ClockForward(Length),
    ClockBack(Length),
}

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("{key} {problem}")]
    Impossible { key: String, problem: &'static str },
}

impl Default for FleetShape {
    fn default() -> FleetShape {
        let shares = [("free", 900), ("pro", 60), ("business", 35), ("enterprise", 5)];
        let cadences = crate::schedule::Cadences::default();
        let lengths = cadences.iter().map(|(plan, cadence)| (plan.to_owned(), Length(cadence)));
        FleetShape {
            shares: shares.map(|(plan, share)| (plan.to_owned(), share)).into(),
            cadences: lengths.collect(),
            ages: Ages::Even,
        }
    }
}

impl Default for Sinks {
    fn default() -> Sinks {
        Sinks { latency: Length(Duration::from_secs(5)), credits: None }
    }
}

impl Scenario {
    /// The error names the key, and the line if the text is no scenario at all.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let mut scenario: Scenario = toml::from_str(text)?;
        let defaults = FleetShape::default().cadences;
        for (plan, cadence) in defaults {
            scenario.fleet.cadences.entry(plan).or_insert(cadence);
        }
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let holds = |is_so: bool, key: &str, problem| {
            let impossible = || ScenarioError::Impossible { key: key.to_owned(), problem };
            if is_so { Ok(()) } else { Err(impossible()) }
        };
        let FleetShape { shares, cadences, ages } = &self.fleet;
        holds(self.days != 0, "days", "must be at least 1")?;
        let sum: u64 = shares.values().map(|share| u64::from(*share)).sum();
        holds(sum == u64::from(SHARES), "fleet.shares", "must sum up to 1000")?;
        for plan in shares.keys() {
            let key = format!("fleet.cadences.{plan}");
            holds(cadences.contains_key(plan), &key, "is missing")?;
        }
        for (plan, cadence) in cadences {
            let key = format!("fleet.cadences.{plan}");
            holds(MINUTE <= cadence.0, &key, "must be a minute or more")?;
        }
        if let Ages::Herd { share, age } = ages {
            holds(*share <= SHARES, "fleet.ages.herd.share", "must be 1000 at most")?;
            holds((0.0..=1.0).contains(age), "fleet.ages.herd.age", "must be from 0 to 1")?;
        }
        for (number, event) in self.events.iter().enumerate() {
            let key = |name: &str| format!("event[{number}].{name}");
            match &event.what {
                What::Newcomers(_) | What::SlowSinks { .. } | What::Down => {
                    let lasts = event.lasts.is_some_and(|lasts| MINUTE <= lasts.0);
                    holds(lasts, &key("lasts"), "must be a minute or more for this event")?;
                }
                What::Cadence { .. }
                | What::Account { .. }
                | What::ClockForward(_)
                | What::ClockBack(_) => {
                    holds(event.lasts.is_none(), &key("lasts"), "is not for this event")?;
                }
            }
            match &event.what {
                What::Cadence { plan, .. } | What::Account { plan, .. } => {
                    holds(shares.contains_key(plan), &key("what.plan"), "is not in the fleet")?;
                }
                What::SlowSinks { share } => {
                    let is_part = (0.0..=1.0).contains(share);
                    holds(is_part, &key("what.slow_sinks.share"), "must be from 0 to 1")?;
                }
                _ => {}
            }
            if let What::Cadence { to, .. } = &event.what {
                holds(MINUTE <= to.0, &key("what.cadence.to"), "must be a minute or more")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Scenario::parse(text).expect_err("it makes no sense").to_string()
    }

    #[test]
    fn what_is_left_out_is_the_steady_fleet() {
        let scenario = Scenario::parse("about = \"x\"\ndays = 7").expect("a scenario");
        assert_eq!(scenario.fleet, FleetShape::default());
        assert_eq!((scenario.scheduler, scenario.events), (Scheduler::Agenda, Vec::new()));
        let text = "about = \"x\"\ndays = 7\nfleet.cadences.free = \"15d\"";
        let scenario = Scenario::parse(text).expect("a scenario");
        assert_eq!(scenario.fleet.cadences["free"], Length(15 * 1_440 * MINUTE));
        assert_eq!(scenario.fleet.cadences.len(), 4);
    }

    #[test]
    fn errors_name_the_key() {
        let with = |rest: &str| error(&format!("about = \"x\"\ndays = 7\n{rest}"));
        assert!(with("speed = 3").contains("speed"), "{}", with("speed = 3"));
        assert!(with("fleet.ages = \"odd\"").contains("fleet.ages"));
        assert_eq!(with("fleet.shares.free = 900"), "fleet.shares must sum up to 1000");
        assert_eq!(
            with("fleet.ages = { herd = { share = 700, age = 2.0 } }"),
            "fleet.ages.herd.age must be from 0 to 1"
        );
        let down = with("[[event]]\nat = \"1d\"\nwhat = \"down\"");
        assert_eq!(down, "event[0].lasts must be a minute or more for this event");
        let gold = "[[event]]\nat = \"1d\"\nwhat = { cadence = { plan = \"gold\", to = \"7d\" } }";
        assert_eq!(with(gold), "event[0].what.plan is not in the fleet");
    }
}

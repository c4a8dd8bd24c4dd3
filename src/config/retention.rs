//! How long things are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Impossible;
use crate::store::postgres::retention::Retention;

const DAY: Duration = Duration::from_secs(86_400);

/// What is forgotten, and when; off keeps it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Openings, changes and resolutions, by whole months. Default: 400 days.
    #[serde(with = "super::values::length_or_off")]
    pub history: Option<Duration>,
    /// Outcomes that could not be stored, by whole months. Default: 30 days.
    #[serde(with = "super::values::length_or_off")]
    pub dead_letters: Option<Duration>,
    /// Insights, counted from their resolution. Default: 2 years.
    #[serde(with = "super::values::length_or_off")]
    pub insights_resolved: Option<Duration>,
}

impl Default for RetentionConfig {
    fn default() -> RetentionConfig {
        RetentionConfig {
            history: Some(400 * DAY),
            dead_letters: Some(30 * DAY),
            // Two of what `2y` means.
            insights_resolved: Some(Duration::from_secs(2 * 31_557_600)),
        }
    }
}

impl RetentionConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        for (key, kept) in [
            ("retention.history", self.history),
            ("retention.dead_letters", self.dead_letters),
            ("retention.insights_resolved", self.insights_resolved),
        ] {
            if kept.is_some_and(|kept| kept < DAY) {
                return Err(Impossible::new(key, "must be at least 1d, or \"off\" for ever"));
            }
        }
        Ok(())
    }
}

impl From<RetentionConfig> for Retention {
    fn from(config: RetentionConfig) -> Retention {
        let RetentionConfig { history, dead_letters, insights_resolved } = config;
        Retention { history, dead_letters, insights_resolved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_day_is_a_mistake_and_off_is_none() {
        let mut config = RetentionConfig { history: None, ..RetentionConfig::default() };
        assert_eq!(config.check(), Ok(()));
        config.dead_letters = Some(DAY / 2);
        let impossible = config.check().expect_err("half a day");
        let said = "retention.dead_letters must be at least 1d, or \"off\" for ever";
        assert_eq!(impossible.to_string(), said);
    }
}

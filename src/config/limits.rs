//! What a process takes at most of what it shares with others: the primary, and the machine.

use serde::{Deserialize, Serialize};

use super::{Impossible, values};
use crate::schedule::Limits;

/// None of them is exceeded, whatever the other settings say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Of one process, all together. Default: 8.
    pub db_connections_max: usize,
    /// Default: off.
    #[serde(with = "values::number_or_off")]
    pub scans_per_second_max: Option<f64>,
    /// Above it nothing goes out as long as anything is under way. Default: off.
    #[serde(with = "values::bytes_or_off")]
    pub memory_max: Option<u64>,
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig { db_connections_max: 8, scans_per_second_max: None, memory_max: None }
    }
}

impl LimitsConfig {
    /// One a lane, and one for the lease, for the schedule and for the admin port.
    pub const DB_CONNECTIONS_MIN: usize = 5;

    pub(super) fn check(&self) -> Result<(), Impossible> {
        if self.db_connections_max < Self::DB_CONNECTIONS_MIN {
            return Err(Impossible::new(
                "limits.db_connections_max",
                "must be at least 5: one a lane, and one for the lease, the schedule and the admin port",
            ));
        }
        if self.scans_per_second_max.is_some_and(|limit| !(limit.is_finite() && 0.0 < limit)) {
            return Err(Impossible::new("limits.scans_per_second_max", "must be more than 0"));
        }
        Ok(())
    }

    /// The part that the schedule keeps.
    pub fn schedule(&self) -> Limits {
        let (per_second_max, memory_max) = (self.scans_per_second_max, self.memory_max);
        Limits { per_second_max, memory_max }
    }
}

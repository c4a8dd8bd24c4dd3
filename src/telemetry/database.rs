//! What was last seen of the database.

use std::time::Duration;

use prometheus::{GaugeVec, Registry};

use super::gauges;
use crate::model::Severity;

pub(super) struct DatabaseGauges {
    up: GaugeVec,
    round_trip: GaugeVec,
    insights_open: GaugeVec,
    pub(super) open: Option<Vec<(Severity, i64)>>,
}

impl DatabaseGauges {
    pub(super) fn register(registry: &Registry) -> DatabaseGauges {
        DatabaseGauges {
            up: gauges(registry, "scanflow_db_up", "1 if the database answers, else 0.", &[]),
            round_trip: gauges(
                registry,
                "scanflow_db_rtt_seconds",
                "The last round trip to the database, on a connection of its own.",
                &[],
            ),
            insights_open: gauges(
                registry,
                "scanflow_insights_open",
                "Open insights when they were last counted.",
                &["severity"],
            ),
            open: None,
        }
    }

    pub(super) fn answered(&self, round_trip: Option<Duration>) {
        self.up.with_label_values::<&str>(&[]).set(f64::from(u8::from(round_trip.is_some())));
        self.round_trip.reset();
        if let Some(round_trip) = round_trip {
            self.round_trip.with_label_values::<&str>(&[]).set(round_trip.as_secs_f64());
        }
    }

    pub(super) fn insights_are_open(&mut self, open: &[(Severity, i64)]) {
        self.open = Some(open.to_vec());
        for severity in Severity::ALL {
            let count = open.iter().find(|(of, _)| *of == severity).map_or(0, |(_, count)| *count);
            self.insights_open.with_label_values(&[severity.name()]).set(count as f64);
        }
    }
}

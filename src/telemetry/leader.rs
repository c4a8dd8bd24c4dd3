//! Whether this process leads.

use prometheus::{GaugeVec, Registry};

use super::gauges;

/// What a process has to do with leading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    Starts,
    /// It would lead, and waits.
    StandsBy {
        why: String,
    },
    Leads,
    /// It has led.
    Ends,
}

pub(super) struct LeaderGauges {
    leads: GaugeVec,
    pub(super) role: Role,
}

impl LeaderGauges {
    pub(super) fn register(registry: &Registry) -> LeaderGauges {
        let leads = "1 if this process leads, else 0.";
        let leads = gauges(registry, "scanflow_leader", leads, &[]);
        let mut leader = LeaderGauges { leads, role: Role::default() };
        leader.set(Role::default());
        leader
    }

    pub(super) fn set(&mut self, role: Role) {
        let leads = u8::from(role == Role::Leads);
        self.leads.with_label_values::<&str>(&[]).set(f64::from(leads));
        self.role = role;
    }
}

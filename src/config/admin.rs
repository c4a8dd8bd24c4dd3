//! Where those who watch the job may ask it.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The port for metrics and probes. It asks nobody who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// An address and a port, 0 for any that is free, or off. Default: 127.0.0.1:9642.
    #[serde(with = "super::values::address_or_off")]
    pub listen: Option<SocketAddr>,
}

impl Default for AdminConfig {
    fn default() -> AdminConfig {
        AdminConfig { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9_642))) }
    }
}

//! How insights are written.

use serde::{Deserialize, Serialize};

use super::values;

/// What the sinks of both lanes are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinkConfig {
    /// From so many findings on a flush goes by COPY. Default: auto, which is measured.
    #[serde(with = "values::count_or_auto")]
    pub copy_findings_min: Option<usize>,
}

//! `timestamptz` as [`UnixTime`].

use std::time::SystemTime;

use crate::model::UnixTime;

/// The start of 1970 for what is earlier: nothing here is.
pub(super) fn unix_time(time: SystemTime) -> UnixTime {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::from_micros(0) + since_1970.unwrap_or_default()
}

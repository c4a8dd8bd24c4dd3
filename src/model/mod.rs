//! What flows through the graphs, in the words of `docs/architecture.md`. Plain values: no
//! behaviour that needs a clock, a connection or a dataflow.

mod account;
mod asset;
mod cost;
mod facet;
mod glob;
mod lane;
mod outcome;
mod record;
mod scan;
mod shard;
mod snapshot;
mod ticket;
mod time;
mod verdict;
mod zone;

pub use account::{AccountSettings, AccountSnapshot, Member, MemberStatus};
pub use asset::{AssetId, AssetKind, ConfigVersion};
pub use cost::{Cost, CostClass, Measured, Spent};
pub use facet::{Facet, Facets};
pub use glob::Glob;
pub use lane::{Lane, PerLane};
pub use outcome::{Conclusion, Digest, Fence, Judged, Outcome, Resolution, Scan, Scope};
pub use record::{Record, RecordType, Records};
pub use scan::{Asked, Reason, ScanEvent, ScanSequence};
pub use shard::{NamesBelow, OwnerRange, Shard};
pub use snapshot::Snapshot;
pub use ticket::{HandedOver, Origin, Ticket};
pub use time::{Epoch, UnixTime};
pub use verdict::{CheckId, Finding, Severity, UnknownReason, Verdict, VerdictKind};
pub use zone::{
    Dnssec, Reference, TlsVersion, ZoneKind, ZoneSettings, ZoneSnapshot, ZoneState, ZoneStatus,
    ancestors, is_at_or_below,
};

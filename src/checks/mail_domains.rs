//! The names that mail is sent to.

use crate::model::{Record, ZoneSnapshot};

/// The owners of an MX that is not null, with their records.
pub(super) fn mail_domains(zone: &ZoneSnapshot) -> impl Iterator<Item = (&str, &[Record])> {
    zone.records.owners().filter(|(_, records)| records.iter().any(Record::receives_mail))
}

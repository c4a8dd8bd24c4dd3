//! Records of zones: written in bulk, and summed where their hash is not known.

use std::collections::HashMap;
use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use crate::inventory::ContentHash;
use crate::model::{Record, RecordType};
use crate::store::postgres::{DatabaseError, Session, Transaction};

const COLUMNS: [Type; 8] = [
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT4,
    Type::INT8,
    Type::BOOL,
    Type::BOOL,
];

/// Writes the records of zones that have none.
pub(super) async fn copy(
    transaction: &Transaction<'_>,
    sets: &[(i64, Vec<Record>)],
) -> Result<(), DatabaseError> {
    let sink = transaction.copy_in(
        "copy records (zone_id, name, type, content, priority, ttl, proxied, private_routing) \
         from stdin binary",
    );
    let mut rows = pin!(BinaryCopyInWriter::new(sink.await?, &COLUMNS));
    for (zone, records) in sets {
        for record in records {
            let kind = record.kind.name();
            let priority = record.priority.map(i32::from);
            let ttl = record.ttl.map(i64::from);
            let Record { name, content, proxied, private_routing, .. } = record;
            rows.as_mut()
                .write(&[zone, name, &kind, content, &priority, &ttl, proxied, private_routing])
                .await?;
        }
    }
    rows.finish().await?;
    Ok(())
}

/// The stored records of zones, each with the id of its zone.
pub(super) async fn stored_records(
    session: &Session,
    zones: &[i64],
) -> Result<Vec<(i64, Record)>, DatabaseError> {
    let select = "select zone_id, name, type, content, priority, ttl, proxied, private_routing \
                  from records where zone_id = any($1)";
    let rows = session.query(select, &[&zones]).await?;
    let records = rows.iter().map(|row| {
        let record = Record {
            name: row.get(1),
            kind: RecordType::from_name(row.get(2)),
            content: row.get(3),
            priority: row.get::<_, Option<i32>>(4).and_then(|n| u16::try_from(n).ok()),
            ttl: row.get::<_, Option<i64>>(5).and_then(|n| u32::try_from(n).ok()),
            proxied: row.get(6),
            private_routing: row.get(7),
        };
        (row.get(0), record)
    });
    Ok(records.collect())
}

/// The sums of the stored records of zones; a zone without records is missing.
pub(super) async fn stored_hashes(
    session: &Session,
    zones: &[i64],
) -> Result<HashMap<i64, ContentHash>, DatabaseError> {
    let mut sums: HashMap<i64, ContentHash> = HashMap::new();
    // A heavy zone has tens of thousands of records: few zones at once.
    for zones in zones.chunks(64) {
        for (zone, record) in stored_records(session, zones).await? {
            *sums.entry(zone).or_default() += ContentHash::of_record(&record);
        }
    }
    Ok(sums)
}

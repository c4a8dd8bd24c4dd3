//! Outcomes as scans of one asset yield them, made from numbers.

use std::time::Duration;

use scanflow::model::{
    AssetId, CheckId, ConfigVersion, Fence, Finding, Judged, Outcome, Scan, ScanSequence, Severity,
    UnixTime, Verdict,
};

/// All checks of the assets here.
pub(crate) static CHECKS: [CheckId; 4] = [
    CheckId::new("bench.alias"),
    CheckId::new("bench.mail"),
    CheckId::new("bench.takeover"),
    CheckId::new("bench.ttl"),
];

/// What a scan finds, compared with the first one of the asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    AtFirst,
    /// Other evidence of each finding whose number, counted over all assets, is divisible by this.
    OtherIn(u64),
    /// Other evidence of all the others.
    OtherButIn(u64),
}

/// The outcome of one scan that judged all of [`CHECKS`], with so many findings.
pub(crate) fn outcome(
    asset: i64,
    sequence: u64,
    size: usize,
    evidence: Evidence,
    is_full: bool,
) -> Outcome {
    let first = asset.unsigned_abs() * size as u64;
    let mut found = CHECKS.each_ref().map(|_| Vec::new());
    for number in first..first + size as u64 {
        let is_other = match evidence {
            Evidence::AtFirst => false,
            Evidence::OtherIn(every) => number.is_multiple_of(every),
            Evidence::OtherButIn(every) => !number.is_multiple_of(every),
        };
        found[number as usize % CHECKS.len()].push(finding(number, is_other));
    }
    let judged = CHECKS.iter().zip(found).map(|(check, found)| Judged {
        check: check.clone(),
        version: 1,
        verdict: Verdict::of(found),
    });
    Outcome::new(scan(asset, sequence, size), judged.collect(), is_full)
}

fn scan(asset: i64, sequence: u64, records: usize) -> Scan {
    Scan {
        asset: AssetId(asset),
        fence: Fence { config_version: ConfigVersion(1), sequence: ScanSequence(sequence) },
        scheduled_at: UnixTime::from_micros(1_700_000_000_000_000 + sequence),
        duration: Duration::from_micros(250),
        records: u32::try_from(records).unwrap_or(u32::MAX),
        measured: None,
    }
}

/// A name of 29 bytes and evidence of 46 to 54.
fn finding(number: u64, is_other: bool) -> Finding {
    let mixed = mix(number);
    let address = mix(number ^ u64::from(is_other) << 63).to_be_bytes();
    Finding {
        subject: format!("{:08x}.web.agency.example.gov", mixed as u32),
        severity: [Severity::Low, Severity::Medium, Severity::High][number as usize % 3],
        evidence: format!(
            r#"{{"content":"{}.{}.{}.{}","proxied":false,"ttl":300}}"#,
            address[0], address[1], address[2], address[3]
        ),
    }
}

/// Another number for each number (splitmix64), the low half alone as well for 2^32 in a row.
pub(crate) fn mix(number: u64) -> u64 {
    let low = (number as u32).wrapping_mul(0x9e37_79b1);
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) & !0xffff_ffff | u64::from(low)
}

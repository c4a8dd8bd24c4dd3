//! An outcome as bytes from which it can be made again, years later and by another version: a JSON
//! object with its version first, as one frame of zstd if it is long. `zstdcat` and `jq` read it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    AssetId, CheckId, ConfigVersion, Digest, Fence, Finding, Outcome, Resolution, Scan,
    ScanSequence, Scope, Severity, UnixTime, UnknownReason,
};

const VERSION: u32 = 2;
/// A text that is not longer stays as it is.
const PLAIN_BYTES_MAX: usize = 4 * 1024;
/// Every frame of zstd begins so, and no JSON.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes of a dead letter that are no outcome.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("the stored outcome is of version {0}, this scanflow knows {VERSION}")]
    Version(u32),
    #[error("the stored outcome cannot be unpacked")]
    Packed(#[source] io::Error),
    #[error("the stored outcome cannot be read")]
    Json(#[from] serde_json::Error),
    #[error("the stored outcome has a digest that is none")]
    Digest,
}

/// All but the findings.
#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    asset: i64,
    config_version: u64,
    sequence: u64,
    scheduled_at_us: u64,
    duration_us: u64,
    records: u32,
    /// 32 hexadecimal digits.
    digest: Option<String>,
    /// The completed checks, each with what resolves its findings.
    scope: Vec<(CheckId, Resolution)>,
    unknown: Vec<(CheckId, UnknownReason)>,
}

/// One finding, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<'f> {
    pub check: Cow<'f, str>,
    pub subject: Cow<'f, str>,
    pub severity: Severity,
    /// The text of a JSON object: its bytes count.
    pub evidence: Cow<'f, str>,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(flatten)]
    head: Head,
    findings: Vec<Line<'static>>,
}

/// An outcome without its findings.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'o> {
    scan: &'o Scan,
    scope: &'o Scope,
    digest: Option<Digest>,
    unknown: Option<&'o BTreeMap<CheckId, UnknownReason>>,
}

impl<'o> Frame<'o> {
    pub fn new(scan: &'o Scan, scope: &'o Scope, digest: Option<Digest>) -> Frame<'o> {
        Frame { scan, scope, digest, unknown: None }
    }

    fn head(&self) -> Head {
        let Scan { asset, fence, scheduled_at, duration, records, measured: _ } = *self.scan;
        let unknown = self.unknown.into_iter().flatten();
        Head {
            v: VERSION,
            asset: asset.0,
            config_version: fence.config_version.0,
            sequence: fence.sequence.0,
            scheduled_at_us: scheduled_at.as_micros(),
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            records,
            digest: self.digest.map(|digest| format!("{:032x}", digest.0)),
            scope: self.scope.checks().map(|(check, how)| (check.clone(), how)).collect(),
            unknown: unknown.map(|(check, why)| (check.clone(), *why)).collect(),
        }
    }
}

impl From<(&CheckId, Finding)> for Line<'static> {
    fn from((check, finding): (&CheckId, Finding)) -> Line<'static> {
        let Finding { subject, severity, evidence } = finding;
        let check = check.as_str().to_owned().into();
        Line { check, subject: subject.into(), severity, evidence: evidence.into() }
    }
}

/// The outcome with all that is needed to apply it.
pub fn bytes(outcome: &Outcome) -> io::Result<Vec<u8>> {
    let Outcome { scan, scope, digest, unknown, findings } = outcome;
    let lines = findings.iter().map(|((check, _), finding)| {
        Ok(Line {
            check: check.as_str().into(),
            subject: finding.subject.as_str().into(),
            severity: finding.severity,
            evidence: finding.evidence.as_str().into(),
        })
    });
    let frame = Frame { scan, scope, digest: *digest, unknown: Some(unknown) };
    let mut packed = Packed::new();
    write(&mut packed, frame, lines)?;
    packed.finish()
}

/// As [`bytes()`], with findings that come one at a time.
pub fn write<'f>(
    out: &mut impl Write,
    frame: Frame<'_>,
    findings: impl IntoIterator<Item = io::Result<Line<'f>>>,
) -> io::Result<()> {
    let head = serde_json::to_string(&frame.head())?;
    // The object goes on.
    out.write_all(head.trim_end_matches('}').as_bytes())?;
    out.write_all(b",\"findings\":[")?;
    let mut separator: &[u8] = b"";
    for line in findings {
        out.write_all(separator)?;
        serde_json::to_writer(&mut *out, &line?)?;
        separator = b",";
    }
    out.write_all(b"]}")
}

/// The JSON text.
pub fn text(payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
    if payload.starts_with(&ZSTD_MAGIC) {
        return zstd::decode_all(payload).map_err(PayloadError::Packed);
    }
    Ok(payload.to_vec())
}

pub fn read(payload: &[u8]) -> Result<Outcome, PayloadError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let text = text(payload)?;
    let Versioned { v } = serde_json::from_slice(&text)?;
    if v != VERSION {
        return Err(PayloadError::Version(v));
    }
    let Whole { head, findings } = serde_json::from_slice(&text)?;
    let digest = head.digest.map(|digits| u128::from_str_radix(&digits, 16).map(Digest));
    let findings = findings.into_iter().map(|Line { check, subject, severity, evidence }| {
        let (subject, evidence) = (subject.into_owned(), evidence.into_owned());
        let key = (CheckId::from_name(check), subject.clone());
        (key, Finding { subject, severity, evidence })
    });
    Ok(Outcome {
        scan: Scan {
            asset: AssetId(head.asset),
            fence: Fence {
                config_version: ConfigVersion(head.config_version),
                sequence: ScanSequence(head.sequence),
            },
            scheduled_at: UnixTime::from_micros(head.scheduled_at_us),
            duration: Duration::from_micros(head.duration_us),
            records: head.records,
            // Long ago: what was measured since stays.
            measured: None,
        },
        scope: head.scope.into_iter().collect(),
        findings: findings.collect(),
        unknown: head.unknown.into_iter().collect(),
        digest: digest.transpose().map_err(|_| PayloadError::Digest)?,
    })
}

/// Takes a text, and packs it once it is long.
pub enum Packed {
    Plain(Vec<u8>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Packed::Plain(_) => "Plain(..)",
            Packed::Zstd(_) => "Zstd(..)",
        })
    }
}

impl Packed {
    pub fn new() -> Packed {
        Packed::Plain(Vec::new())
    }

    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Packed::Plain(text) => Ok(text),
            Packed::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Default for Packed {
    fn default() -> Packed {
        Packed::new()
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Packed::Plain(text) = self
            && PLAIN_BYTES_MAX < text.len() + bytes.len()
        {
            let mut encoder = zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
            encoder.write_all(text)?;
            *self = Packed::Zstd(encoder);
        }
        match self {
            Packed::Plain(text) => text.write(bytes),
            Packed::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Facet, Judged, Verdict};

    fn verdicts() -> impl Strategy<Value = Verdict> {
        let finding = (any::<String>(), 0usize..5, any::<String>(), any::<f64>());
        let finding = finding.prop_map(|(subject, severity, text, number)| {
            let evidence = serde_json::json!({ "text": text, "number": number });
            Finding::new(subject, Severity::ALL[severity], evidence)
        });
        let findings = prop::collection::vec(finding, 0..40);
        let reason = prop_oneof![
            Just(UnknownReason::Lacks(Facet::Dnssec)),
            Just(UnknownReason::Lacks(Facet::Records)),
            Just(UnknownReason::Partial),
            Just(UnknownReason::LeavesFleet),
            Just(UnknownReason::Panicked),
        ];
        prop_oneof![
            Just(Verdict::Pass),
            Just(Verdict::NotApplicable),
            Just(Verdict::Disabled),
            findings.clone().prop_map(Verdict::of),
            (reason, findings).prop_map(|(reason, findings)| Verdict::Unknown { reason, findings }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn an_outcome_comes_back_as_it_was(
            numbers in (any::<i64>(), any::<u64>(), any::<u64>(), any::<u32>()),
            times in (any::<u64>(), any::<u64>()),
            verdicts in prop::collection::vec(verdicts(), 0..5),
            full in any::<bool>(),
        ) {
            let (asset, config_version, sequence, records) = numbers;
            let (config_version, sequence) = (ConfigVersion(config_version), ScanSequence(sequence));
            let scan = Scan {
                asset: AssetId(asset),
                fence: Fence { config_version, sequence },
                scheduled_at: UnixTime::from_micros(times.0),
                duration: Duration::from_micros(times.1),
                records,
                measured: None,
            };
            let judged = verdicts.into_iter().enumerate().map(|(number, verdict)| Judged {
                check: CheckId::from_name(format!("t.{number}")),
                version: 1,
                verdict,
            });
            let outcome = Outcome::new(scan, judged.collect(), full);
            let payload = bytes(&outcome).expect("memory takes all");
            let text = text(&payload).expect("it unpacks");
            prop_assert_eq!(payload != text, PLAIN_BYTES_MAX < text.len(), "packed if it is long");
            prop_assert_eq!(read(&payload).expect("it reads"), outcome);
        }
    }

    #[test]
    fn what_is_no_outcome_of_this_version_is_refused_with_the_reason() {
        for (payload, problem) in [
            (&br#"{"v":1,"completed":[],"findings":[]}"#[..], "is of version 1"),
            (br#"{"v":2}"#, "cannot be read"),
            (b"", "cannot be read"),
            (&[0x28, 0xb5, 0x2f, 0xfd, 0], "cannot be unpacked"),
        ] {
            let err = read(payload).expect_err(problem);
            assert!(err.to_string().contains(problem), "{err}");
        }
    }
}

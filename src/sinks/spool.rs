//! The findings of an outcome that is too large to be held: in memory up to 1 MiB, then in a file
//! without a name, which nobody has to clean up.
//!
//! A finding lies in it as it goes out: `length, key, content, check, fields`, where `fields` are
//! those of a row of Postgres' binary COPY (subject as text, severity as smallint, evidence as
//! jsonb, each behind its length). So it is encoded once, and copied as often as it is written.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::FileExt;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::model::{CheckId, Finding, Severity};

/// What a spool holds in memory.
const MEMORY_MAX: usize = 1 << 20;
/// What is read from its file at a time.
const READ_MAX: usize = 256 << 10;
/// Length, key, content and check.
const HEAD: usize = 4 + 16 + 8 + 2;

/// Findings in the order in which they were pushed, each key once. It is filled, and then read as
/// often as need be. Reading and writing its file are not asynchronous: what was written last is in
/// the system's page cache.
#[derive(Debug, Default)]
pub struct Spool {
    /// What comes after the file.
    memory: Vec<u8>,
    file: Option<File>,
    file_bytes: u64,
    checks: Vec<CheckId>,
    keys: HashSet<u128, BuildHasherDefault<Hashed>>,
    findings: usize,
}

impl Spool {
    pub fn new() -> Spool {
        Spool::default()
    }

    /// The findings of an outcome that is held.
    pub fn of(findings: &BTreeMap<(CheckId, String), Finding>) -> io::Result<Spool> {
        let mut spool = Spool::new();
        for ((check, subject), finding) in findings {
            spool.add(key(check, subject), check, finding)?;
        }
        Ok(spool)
    }

    /// Adds a finding; the first one of a key counts. Fails if the disk does.
    pub fn push(&mut self, check: &CheckId, finding: &Finding) -> io::Result<()> {
        let key = key(check, &finding.subject);
        if !self.keys.insert(key) {
            return Ok(());
        }
        let added = self.add(key, check, finding);
        if added.is_err() {
            self.keys.remove(&key); // who tries again is not told that it is there
        }
        added
    }

    fn add(&mut self, key: u128, check: &CheckId, finding: &Finding) -> io::Result<()> {
        let number = match self.checks.iter().position(|known| known == check) {
            Some(number) => number,
            None => {
                self.checks.push(check.clone());
                self.checks.len() - 1
            }
        };
        let number = u16::try_from(number).map_err(|_| Error::other("more than 65,536 checks"))?;
        let length = HEAD + fields_len(finding);
        if MEMORY_MAX < self.memory.len() + length {
            self.spill()?;
        }
        let length = u32::try_from(length).map_err(|_| Error::other("a finding above 4 GiB"))?;
        self.memory.extend_from_slice(&length.to_le_bytes());
        self.memory.extend_from_slice(&key.to_le_bytes());
        self.memory.extend_from_slice(&content(finding.severity, &finding.evidence).to_le_bytes());
        self.memory.extend_from_slice(&number.to_le_bytes());
        put_fields(&mut self.memory, finding)?;
        self.findings += 1;
        Ok(())
    }

    /// Nothing more comes: gives back the memory that knows which keys were there.
    pub fn close(&mut self) {
        self.keys = HashSet::default();
        self.memory.shrink_to_fit();
    }

    /// How many findings it holds.
    pub fn len(&self) -> usize {
        self.findings
    }

    pub fn is_empty(&self) -> bool {
        self.findings == 0
    }

    /// Its size, in memory and on disk.
    pub fn bytes(&self) -> u64 {
        self.file_bytes + self.memory.len() as u64
    }

    /// The checks of its findings, in the order of their numbers.
    pub fn checks(&self) -> &[CheckId] {
        &self.checks
    }

    /// Reads it from the beginning.
    pub fn rows(&self) -> Rows<'_> {
        Rows { spool: self, buffer: Vec::new(), at: 0, read: 0 }
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all_at(&self.memory, self.file_bytes)?;
        self.file_bytes += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }
}

/// One finding as it lies in a spool.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    /// Of check and subject.
    pub key: u128,
    /// Of severity and evidence.
    pub content: u64,
    /// Its place in [`Spool::checks`].
    pub check: usize,
    /// Subject, severity and evidence as fields of a row of binary COPY.
    pub fields: &'r [u8],
}

impl Row<'_> {
    /// The finding that was pushed.
    pub fn finding(&self) -> io::Result<Finding> {
        let mut rest = self.fields;
        let subject = text(field(&mut rest)?)?;
        let severity = match field(&mut rest)? {
            [0, severity] => Severity::ALL.get(usize::from(*severity)).copied(),
            _ => None,
        };
        let evidence = field(&mut rest)?.split_first().map(|(_, text)| text);
        Ok(Finding {
            subject,
            severity: severity.ok_or_else(damaged)?,
            evidence: text(evidence.ok_or_else(damaged)?)?,
        })
    }
}

/// Reads a spool row by row.
#[derive(Debug)]
pub struct Rows<'s> {
    spool: &'s Spool,
    /// Of the file, from `at` on.
    buffer: Vec<u8>,
    at: usize,
    /// Of the spool: up to where it was read into the buffer or, behind the file, given out.
    read: u64,
}

impl Rows<'_> {
    /// The next finding; None at the end. Fails if the disk does.
    pub fn read(&mut self) -> io::Result<Option<Row<'_>>> {
        if self.read < self.spool.file_bytes || self.at < self.buffer.len() {
            let head = self.fill(4)?;
            let length = length(&self.buffer[head..])?;
            let from = self.fill(length)?;
            self.at = from + length;
            return row(&self.buffer[from..self.at]).map(Some);
        }
        let from = usize::try_from(self.read - self.spool.file_bytes).map_err(Error::other)?;
        let rest = &self.spool.memory[from..];
        if rest.is_empty() {
            return Ok(None);
        }
        let length = length(rest)?;
        self.read += length as u64;
        row(rest.get(..length).ok_or_else(damaged)?).map(Some)
    }

    /// Sees to it that so many bytes are in the buffer, and returns where they begin.
    fn fill(&mut self, bytes: usize) -> io::Result<usize> {
        let Some(file) = &self.spool.file else { return Err(damaged()) };
        if self.buffer.len() - self.at < bytes {
            self.buffer.drain(..self.at);
            self.at = 0;
            let held = self.buffer.len();
            let left = usize::try_from(self.spool.file_bytes - self.read).map_err(Error::other)?;
            let more = left.min(READ_MAX.max(bytes - held));
            if held + more < bytes {
                return Err(damaged());
            }
            self.buffer.resize(held + more, 0);
            file.read_exact_at(&mut self.buffer[held..], self.read)?;
            self.read += more as u64;
        }
        Ok(self.at)
    }
}

fn row(bytes: &[u8]) -> io::Result<Row<'_>> {
    let (_, rest) = bytes.split_at_checked(4).ok_or_else(damaged)?;
    let (key, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    let (content, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    let (check, fields) = rest.split_first_chunk().ok_or_else(damaged)?;
    Ok(Row {
        key: u128::from_le_bytes(*key),
        content: u64::from_le_bytes(*content),
        check: usize::from(u16::from_le_bytes(*check)),
        fields,
    })
}

fn length(bytes: &[u8]) -> io::Result<usize> {
    let length = bytes.first_chunk().ok_or_else(damaged)?;
    usize::try_from(u32::from_le_bytes(*length)).map_err(Error::other)
}

fn field<'r>(rest: &mut &'r [u8]) -> io::Result<&'r [u8]> {
    let (length, tail) = rest.split_first_chunk().ok_or_else(damaged)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(Error::other)?;
    let (field, tail) = tail.split_at_checked(length).ok_or_else(damaged)?;
    *rest = tail;
    Ok(field)
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged())
}

/// Whoever has the file of a running process in his hands may have changed it.
fn damaged() -> Error {
    Error::new(ErrorKind::InvalidData, "a spool is damaged")
}

/// Stands for a finding's check and subject: equal for equal ones, and for no others that will ever
/// meet (128 bits of SipHash).
pub(super) fn key(check: &CheckId, subject: &str) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write(&(check.as_str().len() as u64).to_le_bytes());
    hasher.write(check.as_str().as_bytes());
    hasher.write(subject.as_bytes());
    hasher.finish128().as_u128()
}

/// Stands for what may change of a finding.
pub(super) fn content(severity: Severity, evidence: &str) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write_u8(severity as u8);
    hasher.write(evidence.as_bytes());
    hasher.finish()
}

/// Appends subject, severity and evidence as fields of a row of binary COPY. Fails, half done, if one
/// is longer than any field can be.
pub(super) fn put_fields(to: &mut Vec<u8>, finding: &Finding) -> io::Result<()> {
    put_length(to, finding.subject.len())?;
    to.extend_from_slice(finding.subject.as_bytes());
    put_length(to, 2)?;
    to.extend_from_slice(&(finding.severity as i16).to_be_bytes());
    put_length(to, 1 + finding.evidence.len())?;
    to.push(1); // the version of the binary form of jsonb
    to.extend_from_slice(finding.evidence.as_bytes());
    Ok(())
}

fn fields_len(finding: &Finding) -> usize {
    4 + finding.subject.len() + 4 + 2 + 4 + 1 + finding.evidence.len()
}

fn put_length(to: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let length = i32::try_from(length).map_err(|_| Error::other("a field above 2 GiB"))?;
    to.extend_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Takes a key for its own hash, which it is.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |first| u64::from_ne_bytes(*first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(number: usize, evidence: &str) -> Finding {
        let severity = Severity::ALL[number % Severity::ALL.len()];
        Finding { subject: format!("s{number}"), severity, evidence: evidence.to_owned() }
    }

    #[test]
    fn gives_back_what_was_pushed_as_often_as_asked_also_from_its_file() {
        let checks = [CheckId::new("t.a"), CheckId::new("t.b")];
        // More than is read at a time, and more than is held.
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(3 * READ_MAX));
        let short = r#"{"text":"ü"}"#;
        let pushed: Vec<(usize, Finding)> = (0..60)
            .map(|number| {
                (number % 2, finding(number, if number % 3 == 0 { &long } else { short }))
            })
            .collect();
        let mut spool = Spool::new();
        for (check, finding) in &pushed {
            spool.push(&checks[*check], finding).expect("a disk");
        }
        spool.push(&checks[0], &finding(0, "{}")).expect("a disk"); // the first one counts
        spool.push(&checks[1], &finding(0, "{}")).expect("a disk"); // another key
        spool.close();
        assert!(0 < spool.file_bytes && spool.memory.len() <= MEMORY_MAX);
        assert_eq!((spool.len(), spool.checks()), (61, checks.as_slice()));
        for _ in 0..2 {
            let mut rows = spool.rows();
            for (check, finding) in pushed.iter().chain([&(1, finding(0, "{}"))]) {
                let row = rows.read().expect("a disk").expect("a row");
                assert_eq!((row.check, &row.finding().expect("whole")), (*check, finding));
                assert_eq!(row.key, key(&checks[*check], &finding.subject));
                assert_eq!(row.content, content(finding.severity, &finding.evidence));
            }
            assert!(rows.read().expect("a disk").is_none());
        }
    }
}

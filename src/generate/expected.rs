//! What must be found.

use std::collections::BTreeMap;

/// What a check must say of a subject, written down where it was planted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    pub check: &'static str,
    pub subject: String,
    pub verdict: ExpectedVerdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpectedVerdict {
    Fail,
    Unknown,
}

impl ExpectedVerdict {
    pub const fn name(self) -> &'static str {
        match self {
            ExpectedVerdict::Fail => "fail",
            ExpectedVerdict::Unknown => "unknown",
        }
    }
}

impl Expected {
    pub(super) fn fail(check: &'static str, subject: impl Into<String>) -> Expected {
        Expected { check, subject: subject.into(), verdict: ExpectedVerdict::Fail }
    }

    pub(super) fn unknown(check: &'static str, subject: impl Into<String>) -> Expected {
        Expected { check, subject: subject.into(), verdict: ExpectedVerdict::Unknown }
    }
}

/// How much was planted, by check: what must be found, and what must be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted(pub BTreeMap<&'static str, PlantedOf>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlantedOf {
    pub fails: u64,
    pub unknown: u64,
}

impl Planted {
    pub fn add(&mut self, expected: &[Expected]) {
        for Expected { check, verdict, .. } in expected {
            let of = self.0.entry(check).or_default();
            match verdict {
                ExpectedVerdict::Fail => of.fails += 1,
                ExpectedVerdict::Unknown => of.unknown += 1,
            }
        }
    }

    pub fn merge(&mut self, other: &Planted) {
        for (check, more) in &other.0 {
            let of = self.0.entry(check).or_default();
            of.fails += more.fails;
            of.unknown += more.unknown;
        }
    }
}

/// Whether something is there for who follows aliases and climbs to ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Present,
    Absent,
    /// The answer lies outside of the fleet.
    Outside,
}

impl Reach {
    /// Of two places where it may be, each as good as the other.
    pub(super) fn or(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Present, _) | (_, Reach::Present) => Reach::Present,
            (Reach::Outside, _) | (_, Reach::Outside) => Reach::Outside,
            _ => Reach::Absent,
        }
    }
}

//! Which parts of an asset's configuration are known.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of an asset's configuration that may or may not be known. A check that lacks one says
/// `unknown`, never `pass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// An account's own settings.
    Account,
    /// The people of an account.
    Members,
    /// A zone's settings at its provider.
    Settings,
    Records,
    /// What the provider says of a zone's signing.
    Dnssec,
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Facet::Account => "acct",
            Facet::Members => "members",
            Facet::Settings => "settings",
            Facet::Records => "records",
            Facet::Dnssec => "dnssec",
        })
    }
}

/// A set of facets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facets(u16);

impl Facets {
    pub const fn of(facets: &[Facet]) -> Facets {
        let (mut bits, mut next) = (0, 0);
        while next < facets.len() {
            bits |= 1 << facets[next] as u16;
            next += 1;
        }
        Facets(bits)
    }

    pub const fn contains(self, facet: Facet) -> bool {
        self.0 & (1 << facet as u16) != 0
    }

    /// Adds the facet if it is known.
    #[must_use]
    pub const fn with(self, facet: Facet, is_known: bool) -> Facets {
        Facets(self.0 | if is_known { 1 << facet as u16 } else { 0 })
    }
}

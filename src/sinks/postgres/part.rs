//! One outcome of a large flush.

use crate::model::{CheckId, Digest, Outcome, Scan, Scope};
use crate::sinks::{LargeOutcome, Spool};

#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'o> {
    pub(super) scan: &'o Scan,
    pub(super) scope: &'o Scope,
    pub(super) digest: Option<Digest>,
    pub(super) findings: &'o Spool,
}

impl<'o> Part<'o> {
    /// `findings` are those of the outcome.
    pub(super) fn new(outcome: &'o Outcome, findings: &'o Spool) -> Part<'o> {
        let Outcome { scan, scope, digest, .. } = outcome;
        Part { scan, scope, digest: *digest, findings }
    }

    /// Every check that was completed or found something; some twice.
    pub(super) fn checks(&self) -> impl Iterator<Item = &'o CheckId> {
        self.scope.checks().map(|(check, _)| check).chain(self.findings.checks())
    }
}

impl<'o> From<&'o LargeOutcome> for Part<'o> {
    fn from(outcome: &'o LargeOutcome) -> Part<'o> {
        let LargeOutcome { scan, scope, digest, findings } = outcome;
        Part { scan, scope, digest: *digest, findings }
    }
}

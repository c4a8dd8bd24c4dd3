//! One JSON object a line, as `schemas/insight.v1.schema.json` says.

use std::io::Write;

use scanflow::model::{AssetKind, Severity};
use scanflow::store::postgres::insights::Insight;
use scanflow::store::postgres::reviews::Review;
use serde::Serialize;

use super::list::Form;
use crate::cell::rfc3339;
use crate::checks;
use crate::exit::Failure;
use crate::stdout::Stdout;

const VERSION: u32 = 1;

pub(super) struct Lines;

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    id: i64,
    check: &'a str,
    severity: Severity,
    asset: Asset<'a>,
    account: &'a str,
    subject: &'a str,
    state: &'static str,
    first_seen: String,
    changed_at: String,
    resolved_at: Option<String>,
    evidence: &'a serde_json::Value,
    remediation: Option<&'static str>,
    review: Option<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    classification: &'static str,
    until: Option<String>,
    expired: bool,
    note: Option<&'a str>,
    author: &'a str,
    at: String,
}

impl Said<'_> {
    fn of(review: &Review) -> Said<'_> {
        Said {
            classification: review.classification.name(),
            until: review.until.map(rfc3339),
            expired: review.is_expired,
            note: review.note.as_deref(),
            author: &review.author,
            at: rfc3339(review.at),
        }
    }
}

#[derive(Serialize)]
struct Asset<'a> {
    kind: AssetKind,
    id: &'a str,
    name: &'a str,
}

impl Form for Lines {
    fn add(&mut self, out: &mut Stdout, insight: &Insight) -> Result<(), Failure> {
        let line = Line {
            v: VERSION,
            id: insight.id,
            check: &insight.check,
            severity: insight.severity,
            asset: Asset { kind: insight.asset, id: &insight.asset_id, name: &insight.asset_name },
            account: &insight.account,
            subject: &insight.subject,
            state: insight.state().name(),
            first_seen: rfc3339(insight.first_seen),
            changed_at: rfc3339(insight.changed_at),
            resolved_at: insight.resolved_at.map(rfc3339),
            evidence: &insight.evidence,
            remediation: checks::remediation(&insight.check),
            review: insight.review.as_ref().map(Said::of),
        };
        serde_json::to_writer(&mut *out, &line)?;
        Ok(out.write_all(b"\n")?)
    }

    fn end(self: Box<Self>, _out: &mut Stdout) -> Result<(), Failure> {
        Ok(())
    }
}

//! Comma-separated values with a header, safe to open in a spreadsheet.

use std::borrow::Cow;
use std::io::Write;

use scanflow::store::postgres::insights::Insight;

use super::list::Form;
use crate::cell::rfc3339;
use crate::checks;
use crate::exit::Failure;
use crate::stdout::Stdout;

const HEADER: [&str; 20] = [
    "id",
    "check",
    "severity",
    "asset_kind",
    "asset_id",
    "asset_name",
    "account",
    "subject",
    "state",
    "first_seen",
    "changed_at",
    "resolved_at",
    "evidence",
    "remediation",
    "review",
    "review_until",
    "review_expired",
    "review_note",
    "review_author",
    "review_at",
];

pub(super) struct Lines {
    /// Of one line: it is written in whole lines, since `Stdout` is lent for each.
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(out: &mut Stdout) -> Result<Lines, Failure> {
        let mut lines = Lines { line: Vec::new() };
        lines.write(out, &HEADER.map(Cow::Borrowed))?;
        Ok(lines)
    }

    fn write(&mut self, out: &mut Stdout, fields: &[Cow<'_, str>]) -> Result<(), Failure> {
        self.line.clear();
        let mut line = ::csv::Writer::from_writer(&mut self.line);
        line.write_record(fields.iter().map(|field| harmless(field).into_owned()))?;
        line.flush()?;
        drop(line);
        Ok(out.write_all(&self.line)?)
    }
}

impl Form for Lines {
    fn add(&mut self, out: &mut Stdout, insight: &Insight) -> Result<(), Failure> {
        let review = insight.review.as_ref();
        let fields: [Cow<'_, str>; HEADER.len()] = [
            insight.id.to_string().into(),
            insight.check.as_str().into(),
            insight.severity.name().into(),
            insight.asset.to_string().into(),
            insight.asset_id.as_str().into(),
            insight.asset_name.as_str().into(),
            insight.account.as_str().into(),
            insight.subject.as_str().into(),
            insight.state().name().into(),
            rfc3339(insight.first_seen).into(),
            rfc3339(insight.changed_at).into(),
            insight.resolved_at.map(rfc3339).unwrap_or_default().into(),
            insight.evidence.to_string().into(),
            checks::remediation(&insight.check).unwrap_or_default().into(),
            review.map(|said| said.classification.name()).unwrap_or_default().into(),
            review.and_then(|said| said.until).map(rfc3339).unwrap_or_default().into(),
            review.map(|said| said.is_expired.to_string()).unwrap_or_default().into(),
            review.and_then(|said| said.note.as_deref()).unwrap_or_default().into(),
            review.map(|said| said.author.as_str()).unwrap_or_default().into(),
            review.map(|said| rfc3339(said.at)).unwrap_or_default().into(),
        ];
        self.write(out, &fields)
    }

    fn end(self: Box<Self>, _out: &mut Stdout) -> Result<(), Failure> {
        Ok(())
    }
}

/// A spreadsheet takes a field that begins so for a formula and runs it: a quote in front makes it
/// text. Names come from whoever owns the zone.
fn harmless(field: &str) -> Cow<'_, str> {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        for (field, expected) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(field), expected);
        }
    }
}

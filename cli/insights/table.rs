//! A table for people.

use std::io::Write;

use comfy_table::{Cell, Table};
use scanflow::store::postgres::insights::{Insight, InsightFilter, ReviewFilter, State};
use scanflow::store::postgres::reviews::Review;

use super::list::Form;
use crate::cell;
use crate::exit::Failure;
use crate::stdout::Stdout;

pub(super) struct Rows {
    table: Table,
    has_color: bool,
    /// None: both are shown, so each row says which it is.
    state: Option<State>,
    /// Whether there are reviewed ones among them, so that each row says what was said of it.
    has_reviews: bool,
}

impl Rows {
    pub(super) fn new(has_color: bool, filter: &InsightFilter) -> Rows {
        let state = filter.state;
        let has_reviews = !matches!(filter.review, None | Some(ReviewFilter::None));
        let mut header = vec!["severity", "check", "asset", "account", "subject", "since"];
        header.extend((state != Some(State::Open)).then_some("resolved"));
        header.extend(has_reviews.then_some("review"));
        Rows { table: cell::table(&header, has_color), has_color, state, has_reviews }
    }
}

impl Form for Rows {
    fn add(&mut self, _out: &mut Stdout, insight: &Insight) -> Result<(), Failure> {
        let mut row = vec![cell::severity(insight.severity, self.has_color)];
        let texts = [&insight.check, &insight.asset_name, &insight.account, &insight.subject];
        row.extend(texts.map(|text| Cell::new(cell::shown(text))));
        row.push(Cell::new(cell::time(insight.first_seen)));
        if self.state != Some(State::Open) {
            row.push(Cell::new(insight.resolved_at.map(cell::time).unwrap_or_default()));
        }
        if self.has_reviews {
            row.push(Cell::new(insight.review.as_ref().map(review).unwrap_or_default()));
        }
        self.table.add_row(row);
        Ok(())
    }

    fn end(self: Box<Self>, out: &mut Stdout) -> Result<(), Failure> {
        if self.table.is_empty() {
            return Ok(());
        }
        Ok(writeln!(out, "{}", self.table.trim_fmt())?)
    }
}

/// What was said, until when, by whom and why.
fn review(review: &Review) -> String {
    let mut text = review.classification.name().replace('_', " ");
    if let Some(until) = review.until {
        let word = if review.is_expired { "expired" } else { "until" };
        text += &format!(" {word} {}", cell::time(until));
    }
    text += &format!(", {}", cell::shown(&review.author));
    if let Some(note) = &review.note {
        text += &format!(": {}", cell::shown(note));
    }
    text
}

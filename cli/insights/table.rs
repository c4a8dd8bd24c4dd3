//! A table for people.

use std::io::Write;

use comfy_table::{Cell, Table};
use scanflow::store::postgres::insights::{Insight, State};

use super::Form;
use crate::cell;
use crate::exit::Failure;
use crate::stdout::Stdout;

pub(super) struct Rows {
    table: Table,
    has_color: bool,
    /// None: both are shown, so each row says which it is.
    state: Option<State>,
}

impl Rows {
    pub(super) fn new(has_color: bool, state: Option<State>) -> Rows {
        let mut header = vec!["severity", "check", "asset", "account", "subject", "since"];
        header.extend((state != Some(State::Open)).then_some("resolved"));
        Rows { table: cell::table(&header, has_color), has_color, state }
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

//! What people say of insights. Reviews lie beside the insights, where no scan touches them; every
//! change is kept in an audit that is only added to.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::insights::{severity, time};
use super::{Database, DatabaseError, Parameter};
use crate::inventory::normalise;
use crate::model::{Glob, Severity, UnixTime};

/// Whether the review `r` of an insight, which may be missing, counts now.
pub(super) const STANDS: &str =
    "(r.classification is not null and (r.until is null or now() < r.until))";

/// What somebody decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Classification {
    /// It was open when somebody drew a line.
    Baseline,
    /// The risk is known and taken, perhaps until a day.
    Accepted,
    FalsePositive,
    /// What the note says.
    Other,
}

impl Classification {
    pub const ALL: [Classification; 4] = [
        Classification::Baseline,
        Classification::Accepted,
        Classification::FalsePositive,
        Classification::Other,
    ];

    /// As it stands in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Classification::Baseline => "baseline",
            Classification::Accepted => "accepted",
            Classification::FalsePositive => "false_positive",
            Classification::Other => "other",
        }
    }

    /// One that this version does not know counts as [`Classification::Other`].
    pub(super) fn from_name(name: &str) -> Classification {
        let found = Classification::ALL.into_iter().find(|known| known.name() == name);
        found.unwrap_or(Classification::Other)
    }
}

/// The review of one insight.
#[derive(Clone, Debug)]
pub struct Review {
    pub classification: Classification,
    /// Only of an accepted one.
    pub until: Option<UnixTime>,
    /// Past `until`: the insight counts as not reviewed.
    pub is_expired: bool,
    pub note: Option<String>,
    pub author: String,
    pub at: UnixTime,
}

impl Review {
    /// Classification, until, note, author, time and whether it stands, from this column on.
    pub(super) fn from_row(row: &Row, first: usize) -> Option<Review> {
        let classification: Option<&str> = row.get(first);
        Some(Review {
            classification: Classification::from_name(classification?),
            until: row.get::<_, Option<SystemTime>>(first + 1).map(UnixTime::from),
            note: row.get(first + 2),
            author: row.get(first + 3),
            at: time(row, first + 4),
            is_expired: !row.get::<_, bool>(first + 5),
        })
    }
}

/// Which insights a change is about. An empty list means all; of a list one has to fit.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub checks: Vec<String>,
    /// By the account's id at its source, or its name; zones of the account are meant too.
    pub accounts: Vec<Glob>,
    /// By the zone's id at its source, or its name.
    pub zones: Vec<Glob>,
    pub subjects: Vec<Glob>,
    pub severities: Vec<Severity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of open insights without a review that stands: all become [`Classification::Baseline`].
    Baseline,
    /// Of open insights, whatever was said of them before. Those of which just this was said are
    /// left alone.
    Classify { classification: Classification, until: Option<UnixTime> },
    /// Reviews are taken back, all or those of one classification, also of resolved insights.
    Undo { only: Option<Classification> },
}

/// Who says it, and why.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    pub author: &'a str,
    pub note: Option<&'a str>,
}

/// How many insights of one severity and check a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub severity: Severity,
    pub check: String,
    pub insights: i64,
}

/// Changes the reviews of all insights of the choice, with the audit, in one transaction. The worst
/// first, then by check. A dry run counts and writes nothing.
pub async fn change(
    database: &Database,
    choice: &Choice,
    change: Change,
    said: Said<'_>,
    is_dry_run: bool,
) -> Result<Vec<Count>, DatabaseError> {
    let (which, write, after) = match change {
        Change::Baseline => (format!("i.resolved_at is null and not {STANDS}"), SET, "said.word"),
        Change::Classify { .. } => (
            "i.resolved_at is null
             and (r.classification, r.until, r.note) is distinct from (said.word, said.until, said.note)"
                .to_owned(),
            SET,
            "said.word",
        ),
        Change::Undo { .. } => {
            ("r.classification = coalesce(said.word, r.classification)".to_owned(), DELETE, "null")
        }
    };
    let writes = match is_dry_run {
        true => String::new(),
        false => format!(", {write}, {}", audit(after)),
    };
    let statement = format!("with {}{writes} {COUNT}", target(&which));

    let (word, until) = match change {
        Change::Baseline => (Some(Classification::Baseline), None),
        Change::Classify { classification, until } => (Some(classification), until),
        Change::Undo { only } => (only, None),
    };
    let (word, until) = (word.map(Classification::name), until.map(SystemTime::from));
    let like = |globs: &[Glob]| globs.iter().map(Glob::like).collect::<Vec<_>>();
    // As names of zones are kept; what no single name fits is only written in small letters.
    let name = |glob: &Glob| {
        let text = glob.to_string();
        let name = normalise::name(&text).ok().filter(|_| !text.contains(['*', '?', '\\']));
        Glob::new(name.unwrap_or_else(|| text.to_lowercase().trim_end_matches('.').to_owned()))
    };
    let (accounts, zones) = (like(&choice.accounts), like(&choice.zones));
    let zone_names = like(&choice.zones.iter().map(name).collect::<Vec<_>>());
    let subjects = like(&choice.subjects);
    let severities: Vec<i16> = choice.severities.iter().map(|severity| *severity as i16).collect();
    let parameters: [&dyn Parameter; 10] = [
        &choice.checks,
        &accounts,
        &zones,
        &zone_names,
        &subjects,
        &severities,
        &word,
        &until,
        &said.note,
        &said.author,
    ];

    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    if !is_dry_run {
        // What was said before has to be the last word before this one.
        transaction.batch_execute("lock table insight_reviews in share row exclusive mode").await?;
    }
    let rows = transaction.query(&statement, &parameters).await?;
    transaction.commit().await?;
    let count = |row: &Row| Count {
        severity: severity(row.get(0)),
        check: row.get(1),
        insights: row.get(2),
    };
    Ok(rows.iter().map(count).collect())
}

/// The insights that are meant, with what was said of them before.
fn target(which: &str) -> String {
    format!(
        "said as (select $7::text as word, $8::timestamptz as until, $9::text as note,
                         $10::text as author),
         target as materialized (
             select i.asset_id, i.check_id, i.subject, i.severity, c.name as check_name,
                    r.classification as before, r.until as before_until
               from said, insights i
               join checks c on c.id = i.check_id
               left join zones z on z.id = i.asset_id
               join accounts a on a.id = coalesce(z.account_id, i.asset_id)
               left join insight_reviews r on (r.asset_id, r.check_id, r.subject)
                                            = (i.asset_id, i.check_id, i.subject)
              where {which}
                and (cardinality($1::text[]) = 0 or c.name = any($1))
                and (cardinality($2::text[]) = 0
                     or a.external_id like any($2) or a.name like any($2))
                and (cardinality($3::text[]) = 0
                     or z.external_id like any($3) or z.name like any($4::text[]))
                and (cardinality($5::text[]) = 0 or i.subject like any($5))
                and (cardinality($6::smallint[]) = 0 or i.severity = any($6)))"
    )
}

const SET: &str = "written as (
    insert into insight_reviews (asset_id, check_id, subject, classification, until, note, author,
                                 reviewed_at)
    select t.asset_id, t.check_id, t.subject, said.word, said.until, said.note, said.author, now()
      from said, target t
    on conflict (asset_id, check_id, subject) do update
       set classification = excluded.classification, until = excluded.until, note = excluded.note,
           author = excluded.author, reviewed_at = excluded.reviewed_at)";

const DELETE: &str = "written as (
    delete from insight_reviews r using target t
     where (r.asset_id, r.check_id, r.subject) = (t.asset_id, t.check_id, t.subject))";

fn audit(after: &str) -> String {
    format!(
        "audit as (
             insert into insight_review_events (at, author, asset_id, check_id, subject, before,
                                                before_until, after, after_until, note)
             select now(), said.author, t.asset_id, t.check_id, t.subject, t.before, t.before_until,
                    {after}, said.until, said.note
               from said, target t order by t.asset_id, t.check_id, t.subject)"
    )
}

const COUNT: &str = r#"select severity, check_name, count(*) from target
    group by severity, check_name order by severity desc, check_name collate "C""#;

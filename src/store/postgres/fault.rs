//! Who is at fault when Postgres refuses a statement: one table, by SQLSTATE. `docs/failures.md` says
//! what is done about each, and a test holds the two together.

use std::error::Error as _;
use std::io;

/// Whom an error blames, which decides what becomes of the outcomes that were to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server or the way to it: nothing is known of what was under way. Tried for ever.
    Connection,
    /// This statement at this moment, mostly because of another one. Tried a few times, then its
    /// outcomes in smaller batches.
    Statement,
    /// What was to be written: the same values fail again, others may pass.
    Values,
    /// What the database lacks or forbids: no outcome is at fault. Tried for ever.
    SetUp,
}

impl Fault {
    /// As the documentation says it.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Connection => "connection",
            Fault::Statement => "statement",
            Fault::Values => "values",
            Fault::SetUp => "set-up",
        }
    }
}

/// All errors whose SQLSTATE starts with `code`, unless a longer entry fits.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    pub code: &'static str,
    /// By the documentation of Postgres, appendix A.
    pub name: &'static str,
    pub fault: Fault,
}

const fn class(code: &'static str, name: &'static str, fault: Fault) -> Class {
    Class { code, name, fault }
}

/// What is in no class of these is the fault of the set-up: nothing is put aside for a reason that
/// nobody thought of.
pub const CLASSES: &[Class] = &[
    class("08", "connection_exception", Fault::Connection),
    class("21", "cardinality_violation", Fault::Values),
    class("22", "data_exception", Fault::Values),
    class("23", "integrity_constraint_violation", Fault::Values),
    class("25006", "read_only_sql_transaction", Fault::Connection),
    class("25P03", "idle_in_transaction_session_timeout", Fault::Connection),
    class("25P04", "transaction_timeout", Fault::Statement),
    class("26000", "invalid_sql_statement_name", Fault::Connection),
    class("28", "invalid_authorization_specification", Fault::SetUp),
    class("3D", "invalid_catalog_name", Fault::SetUp),
    class("3F", "invalid_schema_name", Fault::SetUp),
    class("40", "transaction_rollback", Fault::Statement),
    class("42", "syntax_error_or_access_rule_violation", Fault::SetUp),
    class("42P05", "duplicate_prepared_statement", Fault::Connection),
    class("44", "with_check_option_violation", Fault::Values),
    class("53", "insufficient_resources", Fault::Connection),
    class("54", "program_limit_exceeded", Fault::Values),
    class("55006", "object_in_use", Fault::Statement),
    class("55P03", "lock_not_available", Fault::Statement),
    class("57014", "query_canceled", Fault::Statement),
    class("57P", "operator_intervention", Fault::Connection),
    class("58", "system_error", Fault::Connection),
    class("72", "snapshot_failure", Fault::Statement),
    class("XX", "internal_error", Fault::Statement),
];

/// By the entry with the longest code that fits.
pub fn fault_of(sqlstate: &str) -> Fault {
    let fitting = CLASSES.iter().filter(|class| sqlstate.starts_with(class.code));
    fitting.max_by_key(|class| class.code.len()).map_or(Fault::SetUp, |class| class.fault)
}

/// Of an error of the server, or of the way to it.
pub(super) fn of(err: &tokio_postgres::Error) -> Fault {
    if let Some(err) = err.as_db_error() {
        // A row that no partition takes comes as a violated check that has no name.
        let is_homeless = err.code().code() == "23514" && err.constraint().is_none();
        return if is_homeless { Fault::SetUp } else { fault_of(err.code().code()) };
    }
    match err.source().map(<dyn std::error::Error>::downcast_ref::<io::Error>) {
        // Closed by the server, or a time-out.
        None if err.is_closed() || err.to_string().starts_with("timeout") => Fault::Connection,
        // A value that is too long for a message.
        Some(Some(err)) if err.kind() == io::ErrorKind::InvalidInput => Fault::Values,
        // A certificate that does not fit arrives as an error of I/O.
        Some(Some(err)) if err.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            Fault::SetUp
        }
        Some(Some(_)) => Fault::Connection,
        Some(None) | None => Fault::SetUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_the_fault_of_its_longest_entry() {
        for (fault, codes) in [
            (
                Fault::Connection,
                &["08006", "08P01", "53100", "53300", "57P01", "57P03", "25006"][..],
            ),
            (Fault::Statement, &["40001", "40P01", "55P03", "57014", "25P04", "XX000"]),
            (Fault::Values, &["22021", "23505", "54000", "21000"]),
            (
                Fault::SetUp,
                &["28P01", "3D000", "42501", "42P01", "42883", "25001", "55000", "P0001"],
            ),
        ] {
            for code in codes {
                assert_eq!(fault_of(code), fault, "{code}");
            }
        }
    }

    #[test]
    fn no_entry_is_there_twice_and_they_are_in_order() {
        assert!(CLASSES.is_sorted_by(|left, right| left.code < right.code));
    }
}

//! What the runtime role may do: everything but to change the schema, which is the owner's.

use std::fmt::Write;

/// Privileges, and the tables that need them.
const TABLES: [(&str, &[&str]); 5] = [
    ("select", &["schema_migrations"]),
    // Append-only; months that are over are dropped by a function of the owner.
    (
        "select, insert",
        &[
            "insight_events",
            "insight_review_events",
            "sink_scratch_insights",
            "sink_scratch_events",
        ],
    ),
    ("select, insert, delete", &["records", "asset_changes"]),
    (
        "select, insert, update",
        &[
            "sources",
            "accounts",
            "zones",
            "checks",
            "insights",
            "sink_calibrations",
            "schedule_orders",
        ],
    ),
    // Whoever replays a dead letter locks it, which needs the right to change it.
    (
        "select, insert, update, delete",
        &["scan_state", "leases", "insight_reviews", "dead_letters", "scan_requests"],
    ),
];

const SEQUENCES: [&str; 3] = ["asset_ids", "dead_letter_ids", "scan_request_numbers"];

const FUNCTIONS: [&str; 11] = [
    "drop_old_partition",
    "ensure_partitions",
    "forget_before",
    "forget_resolved_insights",
    "fence_outcomes",
    "flush_outcomes",
    "change_insights",
    "resolve_insights",
    "complete_scans",
    "park_outcome",
    "prune_assets",
];

/// SQL that the owner runs once in the database, and again after each migration: it gives `role`,
/// which exists, what `run`, `import` and the other commands need. Never a superuser, no extension,
/// no DDL; the partitions of the history are made by a function of the owner.
pub fn grants(role: &str) -> String {
    let literal = role.replace('\'', "''");
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    let mut sql = format!(
        "do $grant$ begin\n    execute format('grant connect on database %I to %I', current_database(), \
         '{literal}');\nend $grant$;\n\
         -- What Postgres 14 still grants to everybody.\n\
         revoke create on schema public from public;\n\
         grant usage on schema public to {role};\n"
    );
    let mut grant = |privileges: &str, objects: &str| {
        writeln!(sql, "grant {privileges} on {objects} to {role};").expect("a String takes all");
    };
    for (privileges, tables) in TABLES {
        grant(privileges, &tables.join(", "));
    }
    grant("usage", &format!("sequence {}", SEQUENCES.join(", ")));
    grant("execute", &format!("function {}", FUNCTIONS.join(", ")));
    sql
}

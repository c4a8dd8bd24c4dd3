//! `scanflow migrate`.

use std::io::Write;

use scanflow::clock::Clock;
use scanflow::store::postgres::grants::grants;
use scanflow::store::postgres::migrate::{self, NEWEST};

use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Bring the schema of the database up to date
///
/// Whoever migrates at the same time waits. Needs the owner of the schema; what else scanflow does
/// needs no more than what --print-grants gives.
#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// List the migrations, and change nothing
    #[arg(long, visible_alias = "status")]
    dry_run: bool,

    /// Print the SQL that lets a role do everything but migrate, and change nothing: for the owner
    /// to run, again after each migration. Without a name the role is scanflow
    #[arg(
        long,
        value_name = "ROLE",
        num_args = 0..=1,
        default_missing_value = "scanflow",
        conflicts_with = "dry_run"
    )]
    print_grants: Option<String>,
}

impl Migrate {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut out = Stdout::lock();
        if let Some(role) = &self.print_grants {
            write!(out, "{}", grants(role))?;
            out.flush()?;
            return Ok(Exit::Done);
        }
        context.block_on(async {
            let database = context.reachable_database().await?;
            if self.dry_run {
                list(&mut out, context, &migrate::status(&database).await?)?;
                return Ok(());
            }
            let applied = migrate::migrate(&database, Clock::system().now()).await?;
            for file in &applied.files {
                writeln!(out, "applied {file}")?;
            }
            writeln!(out, "the schema has version {}", applied.version)?;
            Ok(())
        })?;
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn list(
    out: &mut Stdout,
    context: &Context,
    migrations: &[migrate::Status],
) -> Result<(), Failure> {
    let mut table = cell::table(&["version", "name", "applied"], context.has_color());
    for migrate::Status { version, name, applied_at } in migrations {
        let applied = match applied_at {
            Some(at) => cell::time((*at).into()),
            None => "not yet".to_owned(),
        };
        table.add_row([version.to_string(), cell::shown(name), applied]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    let left = migrations.iter().filter(|migration| migration.applied_at.is_none()).count();
    context.note(&format!("{left} to apply; this scanflow needs version {NEWEST}"));
    Ok(())
}

//! A database and a folder to import from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scanflow::inventory::Problem;
use scanflow::sources::inventory::{Event, ImportError, Options, Report, import};
use scanflow::store::postgres::Database;
use scanflow_testing::TestDatabase;
use tempfile::TempDir;
use tokio_postgres::SimpleQueryMessage;

/// What an import said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) report: Report,
    pub(crate) problems: Vec<Problem>,
    pub(crate) events: Vec<Event>,
}

impl Told {
    /// The problems as `line: reason`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |problem: &Problem| format!("{}: {}", problem.place.line, problem.reason);
        self.problems.iter().map(line).collect()
    }
}

pub(crate) struct World {
    pub(crate) test: TestDatabase,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        World { test: scanflow_testing::database().await, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, content).expect("a written file");
        path
    }

    pub(crate) async fn try_import(&self, options: &Options) -> Result<Told, ImportError> {
        let mut events = Vec::new();
        let report = import(&self.test.database, options, &mut |event| events.push(event)).await?;
        let problem = |event: &Event| match event {
            Event::Problem(problem) => Some(problem.clone()),
            _ => None,
        };
        let problems: Vec<Problem> = events.iter().filter_map(problem).collect();
        assert_eq!(problems.len() as u64, report.problems);
        Ok(Told { report, problems, events })
    }

    pub(crate) async fn import(&self, path: impl AsRef<Path>) -> Told {
        let paths = vec![path.as_ref().to_owned()];
        let options = Options { paths, ..Options::default() };
        self.try_import(&options).await.expect("an import")
    }

    /// Writes lines as the file `fleet.jsonl` and imports it.
    pub(crate) async fn import_lines(&self, lines: &[&str]) -> Told {
        let file = self.write("fleet.jsonl", lines.join("\n"));
        self.import(file).await
    }

    /// All rows that `sql` selects, the columns of each as text.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let client = self.test.database.client().await.expect("a connection");
        let messages = client.simple_query(sql).await.expect("rows");
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let columns = (0..row.len()).map(|column| row.get(column).unwrap_or("null"));
                Some(columns.collect::<Vec<&str>>().join(" "))
            }
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let client = self.test.database.client().await.expect("a connection");
        client.query_one(sql, &[]).await.expect("a number").get(0)
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let client = self.test.database.client().await.expect("a connection");
        client.batch_execute(sql).await.expect("a valid statement");
    }

    /// Each zone as `id version complete: contents of its records`.
    pub(crate) async fn zones(&self) -> Vec<String> {
        self.rows(
            "select z.external_id, z.config_version, \
                    case when z.records_complete then 'complete:' else 'partial:' end, \
                    coalesce(string_agg(r.content, ',' order by r.content), '-') \
             from zones z left join records r on r.zone_id = z.id \
             where z.removed_at is null group by z.id order by z.external_id",
        )
        .await
    }

    /// How many rows were ever inserted, updated or deleted, by table.
    pub(crate) async fn rows_written(&self) -> BTreeMap<String, i64> {
        let database = Database::open(&self.test.url, 1).expect("a database");
        let client = database.client().await.expect("a connection");
        // A connection reports its counts at the latest when it ends.
        let end = "select pg_terminate_backend(pid, 60000) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
        let ended = client.query(end, &[]).await.expect("ended connections");
        assert!(ended.iter().all(|row| row.get(0)), "a connection goes on");
        let sql = "select relname::text, (n_tup_ins + n_tup_upd + n_tup_del)::bigint \
                   from pg_stat_user_tables";
        let rows = client.query(sql, &[]).await.expect("statistics");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

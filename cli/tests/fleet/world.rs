//! A fleet in a database: to be imported, scanned and looked at.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use scanflow::clock::Clock;
use scanflow::config::{Config, JobConfig};
use scanflow::model::PerLane;
use scanflow::panics;
use scanflow::schedule::{Ending, Rate};
use scanflow::sources::inventory::{Event, Options, Report, import};
use scanflow::store::postgres::Database;
use scanflow_dataflows::{Connections, Lead, Led, lead};
use scanflow_testing::Subject;
use timely::{CommunicationConfig, WorkerConfig};

use crate::process::Place;
use crate::running::WAIT_MAX;

impl Place {
    /// With what lies below the path.
    pub(crate) async fn importing(path: impl AsRef<Path>) -> Place {
        let place = Place::filled("").await;
        place.import(path).await;
        place
    }

    pub(crate) async fn import(&self, path: impl AsRef<Path>) -> Report {
        let paths = vec![path.as_ref().to_owned()];
        let (report, problems) = self.import_with(Options { paths, ..Options::default() }).await;
        assert_eq!(problems, Vec::<String>::new());
        report
    }

    /// Also the reason of each problem.
    pub(crate) async fn import_with(&self, options: Options) -> (Report, Vec<String>) {
        let mut problems = Vec::new();
        let mut on_event = |event| {
            if let Event::Problem(problem) = event {
                problems.push(problem.reason);
            }
        };
        let report = import(&self.test.database, &options, &mut on_event).await;
        (report.expect("an import"), problems)
    }

    /// Scans every asset exactly once.
    pub(crate) async fn scan_once(&self) -> Led {
        self.scan_by(CommunicationConfig::Process(2), JobConfig::default()).await
    }

    pub(crate) async fn scan_by(
        &self,
        communication: CommunicationConfig,
        config: JobConfig,
    ) -> Led {
        let settings = Config::default();
        let task = Lead { config, rate: Rate::Max, ending: Ending::Once, ..Lead::of(&settings) };
        self.lead(communication, &Clock::system(), task).await
    }

    /// Scans in this process until the ending of the task.
    pub(crate) async fn lead(
        &self,
        communication: CommunicationConfig,
        clock: &Clock,
        task: Lead,
    ) -> Led {
        panics::exit_on_worker_panic(|code| {
            // Past the capture of the test harness, which dies with the process.
            let _ = writeln!(std::io::stderr(), "a worker panicked: see it with --nocapture");
            panics::exit_now(code);
        });
        let open =
            |connections_max| Database::open(&self.test.url, connections_max).expect("a valid URL");
        let connections = Connections {
            lane: PerLane { fast: open(4), slow: open(2) },
            lease: open(1),
            control: open(2),
        };
        let workers = timely::Config { communication, worker: WorkerConfig::default() };
        let led = lead(&connections, workers, clock, task).await.expect("a run");
        assert_eq!((led.summary.open_tickets, led.lost), (0, None));
        led
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let client = self.test.database.client().await.expect("a connection");
        client.query_one(&format!("select count(*) {sql}"), &[]).await.expect("a count").get(0)
    }

    /// Asks again and again, until the answer is yes.
    pub(crate) async fn until(&self, question: &str) {
        let client = self.test.database.client().await.expect("a connection");
        let yes = async {
            while !client.query_one(question, &[]).await.expect("an answer").get::<_, bool>(0) {}
        };
        let answered = tokio::time::timeout(WAIT_MAX, yes).await;
        answered.unwrap_or_else(|_| panic!("not yet: {question}"));
    }

    /// Of all insights that meet the condition.
    pub(crate) async fn insights(&self, condition: &str) -> BTreeSet<Subject> {
        let client = self.test.database.client().await.expect("a connection");
        let sql = format!(
            "select c.name, coalesce(z.external_id, a.external_id), i.subject
               from insights i join checks c on c.id = i.check_id
               left join zones z on z.id = i.asset_id left join accounts a on a.id = i.asset_id
              where {condition}"
        );
        let rows = client.query(&sql, &[]).await.expect("insights");
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    pub(crate) async fn open(&self) -> BTreeSet<Subject> {
        self.insights("i.resolved_at is null").await
    }
}

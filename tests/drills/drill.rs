//! A fleet that changes all the time, `run` over it, and an observer who does not mind when the
//! server is away.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::model::UnixTime;
use scanflow::store::postgres::{Database, DatabaseError};
use scanflow_testing::{TestDatabase, ThrowAwayServer};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::FromSqlOwned;

use crate::changes::Changes;
use crate::figures::{self, Difference, Figures};
use crate::process::Place;
use crate::processes::{cpu_ticks, own_cpu_seconds};
use crate::running::{Ended, Running, WAIT_MAX};
use crate::undisturbed;

/// Between two questions: asking in a tight loop would take a core away from what is asked about.
const POLL: Duration = Duration::from_millis(20);
/// Of a fleet that is larger than usual a question is asked in one of so many parts of the time.
const ASK_SHARE: u32 = 10;
/// So often the inventory changes at least: what was broken is repaired.
const ROUNDS_MIN: usize = 2;
/// The part of a sequence that counts, below the token.
const COUNTED: i64 = (1 << 40) - 1;

/// The Postgres of all drills that do not need one of their own. What it said is committed
/// survives its processes.
pub(crate) fn server() -> &'static ThrowAwayServer {
    static SERVER: LazyLock<ThrowAwayServer> =
        LazyLock::new(|| ThrowAwayServer::start(&[("synchronous_commit", "on")]));
    &SERVER
}

/// How often to disturb: `DRILL_FACTOR` times as often as usual.
pub(crate) fn times(usual: usize) -> usize {
    let factor = std::env::var("DRILL_FACTOR").ok().filter(|factor| !factor.is_empty());
    usual * factor.map_or(1, |factor| factor.parse::<usize>().expect("DRILL_FACTOR is a number"))
}

pub(crate) struct Drill {
    name: &'static str,
    place: Place,
    /// Generated ones beside those that change.
    zones: usize,
    settings: Vec<(&'static str, String)>,
    /// For one step.
    wait_max: Duration,
    changes: RefCell<Changes>,
    rounds: Cell<usize>,
    /// When the last round was in the database.
    imported: Cell<UnixTime>,
    disturbances: Cell<usize>,
    /// Scans of each leader.
    scans: RefCell<BTreeMap<i64, i64>>,
    clock: Clock,
    began: (UnixTime, f64),
    _turn: MutexGuard<'static, ()>,
}

/// One drill after the other: some take the server away from all.
static TURN: Mutex<()> = Mutex::const_new(());

impl Drill {
    /// With the whole fleet imported. None if the shared data is missing outside of CI.
    pub(crate) async fn start(name: &'static str, server: &ThrowAwayServer) -> Option<Drill> {
        Drill::start_beside(0, name, server).await
    }

    /// As [`Drill::start`], with so many generated zones that do not change.
    pub(crate) async fn start_beside(
        zones: usize,
        name: &'static str,
        server: &ThrowAwayServer,
    ) -> Option<Drill> {
        let turn = TURN.lock().await;
        let changes = Changes::of_a_fleet()?;
        let clock = Clock::system();
        let began = (clock.now(), own_cpu_seconds());
        let url = scanflow_testing::database_on(server).await.url;
        let observing = format!("{url} application_name=drill");
        let database = Database::open(&observing, 4).expect("a valid URL");
        let drill = Drill {
            name,
            place: Place::of(TestDatabase { url, database }),
            zones,
            settings: Vec::new(),
            wait_max: WAIT_MAX,
            changes: RefCell::new(changes),
            rounds: Cell::new(0),
            imported: Cell::new(clock.now()),
            disturbances: Cell::new(0),
            scans: RefCell::default(),
            clock,
            began,
            _turn: turn,
        };
        undisturbed::generate(&drill.place, zones);
        drill.import().await;
        Some(drill)
    }

    /// Every run is told so.
    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Drill {
        self.settings.push((variable, value.to_owned()));
        self
    }

    /// A step may take so long, such as one that waits for a whole cadence.
    pub(crate) fn waiting_for(mut self, wait_max: Duration) -> Drill {
        self.wait_max = self.wait_max.max(wait_max);
        self
    }

    /// A run that never comes to an end: each asset is due again after a second.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.place.command(&["run"]);
        command.env("SCANFLOW_SCHEDULE__RATE", "max");
        for plan in ["FREE", "PRO", "BUSINESS", "ENTERPRISE"] {
            command.env(format!("SCANFLOW_CADENCE__{plan}"), "1s");
        }
        command.envs(self.settings.iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// Starts a run and waits until it leads.
    pub(crate) async fn lead(&self) -> Running {
        self.lead_by(self.command()).await
    }

    /// As [`Drill::lead`], by a command that was told more.
    pub(crate) async fn lead_by(&self, command: Command) -> Running {
        let token = self.token().await;
        let run = Running::start(command);
        self.until(&format!("select exists (select from leases where {token} < token)")).await;
        run
    }

    /// Starts a run beside the one that leads and waits until it stands by.
    pub(crate) async fn stand_by(&self) -> Running {
        let mut run = Running::start(self.command());
        run.says("standing by: another scanflow schedules this fleet").await;
        run
    }

    pub(crate) async fn token(&self) -> i64 {
        self.ask("select coalesce(max(token), 0) from leases").await
    }

    /// Waits until so many more scans are durable.
    pub(crate) async fn scans(&self, count: i64) {
        let start = self.token().await << 40;
        let from = start.max(self.newest().await) + count;
        let durable = format!("select exists (select from scan_state where {from} <= sequence)");
        self.until(&durable).await;
        self.newest().await;
    }

    pub(crate) async fn newest(&self) -> i64 {
        let newest = self.ask("select coalesce(max(sequence), 0) from scan_state").await;
        self.scans.borrow_mut().insert(newest >> 40, newest & COUNTED);
        newest
    }

    pub(crate) fn disturbed(&self) {
        self.disturbances.set(self.disturbances.get() + 1);
    }

    /// Changes the inventory, again as soon as every asset was scanned since, as long as something
    /// is disturbed.
    pub(crate) async fn while_changing<T>(&self, disturbing: impl Future<Output = T>) -> T {
        let is_over = Cell::new(false);
        let changing = async {
            self.covered().await;
            while !is_over.get() || self.rounds.get() < ROUNDS_MIN {
                self.next_round().await;
                self.covered().await;
            }
        };
        let disturbing = async {
            let left = disturbing.await;
            is_over.set(true);
            left
        };
        tokio::join!(disturbing, changing).0
    }

    pub(crate) async fn next_round(&self) {
        self.rounds.set(self.rounds.get() + 1);
        self.import().await;
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Waits until every asset was scanned since the last import.
    async fn covered(&self) {
        let imported = self.imported.get().as_micros();
        let scanned = format!(
            "select not exists (select from scan_state where last_scheduled_at is null
                or last_scheduled_at < 'epoch'::timestamptz + interval '{imported} microseconds')"
        );
        self.until(&scanned).await;
    }

    /// Again, until it says that all is imported.
    async fn import(&self) {
        let folder = self.changes.borrow_mut().write(self.rounds.get());
        let imported = async {
            loop {
                let import = self.place.command(&["import", folder.to_str().expect("UTF-8")]);
                let ended = Running::start(import).end().await;
                match ended.status.code() {
                    Some(0) => break,
                    // Failed, or the server was not there.
                    Some(1 | 69) => {}
                    _ => panic!("{ended:?}"),
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, imported).await.expect("an import comes to its end");
        self.imported.set(self.clock.now());
    }

    /// The answer, once there is one.
    pub(crate) async fn ask<T: FromSqlOwned>(&self, question: &str) -> T {
        let mut ticks = tokio::time::interval(POLL);
        let answer = async {
            loop {
                ticks.tick().await;
                match self.answer(question).await {
                    Ok(answer) => return answer,
                    Err(err) => assert!(err.is_transient(), "{question}: {err:?}"),
                }
            }
        };
        let answered = tokio::time::timeout(WAIT_MAX, answer).await;
        answered.unwrap_or_else(|_| panic!("no answer: {question}"))
    }

    /// Waits until the server answers, and starts it again if it has died.
    pub(crate) async fn comes_back(&self, server: &ThrowAwayServer) {
        let mut ticks = tokio::time::interval(POLL);
        let back = async {
            while self.answer::<i32>("select 1").await.is_err() {
                if !server.server().is_running() {
                    server.start_again();
                }
                ticks.tick().await;
            }
        };
        tokio::time::timeout(WAIT_MAX, back).await.expect("the server comes back");
    }

    /// What the server says now.
    pub(crate) async fn answer<T: FromSqlOwned>(&self, question: &str) -> Result<T, DatabaseError> {
        let client = self.place.test.database.client().await?;
        Ok(client.query_one(question, &[]).await?.get(0))
    }

    /// Waits until the answer is yes.
    pub(crate) async fn until(&self, question: &str) {
        let share = if self.zones == 0 { 0 } else { ASK_SHARE };
        let yes = async {
            loop {
                let asked_at = self.clock.now();
                if self.ask::<bool>(question).await {
                    return;
                }
                let took = self.clock.now().since(asked_at);
                tokio::time::sleep(POLL.max(took * share)).await;
            }
        };
        let answered = tokio::time::timeout(self.wait_max, yes).await;
        answered.unwrap_or_else(|_| panic!("not yet: {question}"));
    }

    /// Ends the last run and compares.
    pub(crate) async fn end(self, run: Running) {
        self.newest().await;
        run.signal("TERM");
        let ended = run.end().await;
        drained(&ended);
        self.compare().await;
    }

    /// Holds what is left against what is left without any disturbance.
    pub(crate) async fn compare(self) {
        let exported = self.place.run(&["export"]);
        assert_eq!(exported.exit, 0, "{}", exported.stderr);
        let parked: i64 = self.ask("select count(*) from dead_letters").await;
        assert_eq!(parked, 0, "an outage is no fault of an outcome");
        let (began, cpu_began) = self.began;
        let seconds = self.clock.now().since(began).as_secs_f64();
        let cpu_seconds = own_cpu_seconds() - cpu_began;
        let rounds = self.rounds.get();
        let undisturbed = undisturbed::export(self.zones, rounds).await;
        figures::show(&Figures {
            drill: self.name,
            disturbances: self.disturbances.get(),
            rounds,
            scans: self.scans.borrow().values().sum::<i64>().unsigned_abs(),
            seconds,
            cpu_seconds,
            difference: Difference::between(&undisturbed, &exported.stdout),
        });
        assert!(undisturbed == exported.stdout, "the same lines in another order");
    }
}

/// It finished what was under way.
pub(crate) fn drained(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("given up"), "{}", ended.stderr);
}

/// Waits until a process has had nothing to do for so many looks at it.
pub(crate) async fn rests(run: &Running, looks: i64) {
    let mut ticks = tokio::time::interval(POLL);
    let resting = async {
        let (mut used, mut still) = (cpu_ticks(run.pid()), 0);
        while still < looks {
            ticks.tick().await;
            let now = cpu_ticks(run.pid());
            // The heartbeat takes a tick now and then.
            still = if now <= used + 1 { still + 1 } else { 0 };
            used = if still == 0 { now } else { used };
        }
    };
    let rested = tokio::time::timeout(WAIT_MAX, resting).await;
    rested.expect("it has nothing to do, and does it all the time");
}

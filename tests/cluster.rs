//! The private cluster: shared, left, orphaned, killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use scanflow::clock::Clock;
use scanflow::store::postgres::Database;
use scanflow::store::postgres::cluster::{Cluster, ClusterError, Search, Setup};
use scanflow::store::postgres::migrate::check_version;
use tempfile::TempDir;

/// Names the state folder of [`uses_a_cluster_until_it_is_killed`].
const STATE_DIR: &str = "SCANFLOW_TEST_STATE_DIR";

/// A folder below one that every user can enter.
fn state_dir() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let state_dir = folder.path().join("state");
    (folder, state_dir)
}

async fn start(state_dir: &Path) -> Cluster {
    Cluster::start(state_dir, &Clock::system()).await.unwrap_or_else(|err| panic!("{err:?}"))
}

async fn error(state_dir: &Path, setup: Setup) -> ClusterError {
    Cluster::start_with(state_dir, &Clock::system(), setup).await.expect_err("an error")
}

async fn works(cluster: &Cluster) {
    let database = Database::open(cluster.url(), 1).expect("a valid URL");
    check_version(&database).await.expect("the newest schema");
}

fn is_alive(pid: u32) -> bool {
    // A zombie, whose parent does not wait for it, has no command.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|command| !command.is_empty())
}

fn session(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let after_name = stat.rsplit(") ").next().expect("fields");
    after_name.split(' ').nth(3).expect("a session").parse().expect("a number")
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(status.expect("kill").success());
}

/// The life of another scanflow process.
#[tokio::test]
#[ignore = "run by other tests, as a process of its own"]
async fn uses_a_cluster_until_it_is_killed() {
    let state_dir = std::env::var_os(STATE_DIR).expect("the state folder");
    let _cluster = start(Path::new(&state_dir)).await;
    #[expect(clippy::print_stdout, reason = "the other process waits for it")]
    {
        println!("\nready");
    }
    std::future::pending::<()>().await;
}

fn other_process(state_dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "uses_a_cluster_until_it_is_killed", "--ignored", "--nocapture"])
        .env(STATE_DIR, state_dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let is_ready = output.lines().any(|line| line.is_ok_and(|line| line == "ready"));
    assert!(is_ready, "the other process ended");
    child
}

fn end(mut process: Child) {
    process.kill().expect("killed");
    process.wait().expect("ended");
}

#[tokio::test]
async fn who_leaves_last_stops_the_server() {
    let (_folder, state_dir) = state_dir();
    let first = start(&state_dir).await;
    let pid = first.server_pid().expect("a server");
    works(&first).await;
    // Ctrl-C in a terminal goes to a session's group.
    assert_ne!(session(pid), session(std::process::id()));

    let second = start(&state_dir).await;
    assert_eq!((second.server_pid(), second.url()), (Some(pid), first.url()));
    first.stop().expect("left");
    assert!(is_alive(pid));
    works(&second).await;

    let socket = second.url().split('\'').nth(1).expect("a folder").to_owned();
    drop(second);
    assert!(!is_alive(pid));
    assert!(!Path::new(&socket).exists(), "{socket}");

    let third = start(&state_dir).await;
    works(&third).await;
    third.stop().expect("left");
}

#[tokio::test]
async fn many_at_once_share_one_server() {
    let (_folder, state_dir) = state_dir();
    let clusters = futures_util::future::join_all((0..4).map(|_| start(&state_dir))).await;
    let pids: Vec<_> = clusters.iter().map(Cluster::server_pid).collect();
    assert!(pids.iter().all(|pid| pid.is_some() && *pid == pids[0]), "{pids:?}");
    drop(clusters);
    assert!(!is_alive(pids[0].expect("a server")));
}

#[tokio::test]
async fn a_killed_process_leaves_an_orphan_that_the_next_one_takes_over() {
    let (_folder, state_dir) = state_dir();
    let other = other_process(&state_dir);
    let joined = start(&state_dir).await;
    let pid = joined.server_pid().expect("a server");
    joined.stop().expect("left");
    assert!(is_alive(pid), "the other process uses it");

    end(other);
    assert!(is_alive(pid), "an orphan");
    let next = start(&state_dir).await;
    assert_eq!(next.server_pid(), Some(pid));
    works(&next).await;
    next.stop().expect("left");
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_killed_server_is_started_again() {
    let (_folder, state_dir) = state_dir();
    let first = start(&state_dir).await;
    let pid = first.server_pid().expect("a server");
    kill(pid);
    // Its user has not even noticed.
    let second = start(&state_dir).await;
    assert_ne!(second.server_pid(), Some(pid));
    works(&second).await;
    drop((first, second));

    // After a restart of the machine any process may have the number that the file names.
    let stale = format!("{}\n", std::process::id());
    fs::write(state_dir.join("postgres/postmaster.pid"), stale).expect("written");
    let third = start(&state_dir).await;
    works(&third).await;
}

#[tokio::test]
async fn a_killed_server_comes_back_once_for_all_who_watch_it() {
    let (_folder, state_dir) = state_dir();
    let (first, second) = (start(&state_dir).await, start(&state_dir).await);
    let pid = first.server_pid().expect("a server");
    kill(pid);
    let back = async {
        for cluster in [&first, &second] {
            let database = Database::open(cluster.url(), 1).expect("a valid URL");
            while check_version(&database).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        never = async { tokio::join!(first.watch(), second.watch()) } => match never.0 {},
        () = back => {}
    }
    let again = first.server_pid().expect("a server");
    assert_ne!(again, pid);
    assert!(is_alive(again));
    let log = fs::read_to_string(state_dir.join("postgres.log")).expect("a log");
    let starts = log.matches("database system is ready to accept connections").count();
    assert_eq!(starts, 2, "{log}");
    // Who joins later finds it in the same place, and the last one stops it.
    let third = start(&state_dir).await;
    assert_eq!((third.server_pid(), third.url()), (Some(again), first.url()));
    drop((first, second, third));
    assert!(!is_alive(again));
}

#[tokio::test]
async fn a_lost_socket_is_made_again_unless_others_use_the_server() {
    let (_folder, state_dir) = state_dir();
    let other = other_process(&state_dir);
    let memory = state_dir.join("postgres.socket");
    let socket = PathBuf::from(fs::read_to_string(&memory).expect("remembered"));
    fs::remove_dir_all(&socket).expect("removed");
    let err = error(&state_dir, Setup::from_environment()).await;
    assert!(matches!(err, ClusterError::SocketLost { .. }), "{err:?}");

    end(other);
    let next = start(&state_dir).await;
    assert_ne!(Path::new(fs::read_to_string(&memory).expect("remembered").as_str()), socket);
    works(&next).await;
}

#[tokio::test]
async fn without_postgres_it_names_the_command_that_installs_it() {
    let (folder, state_dir) = state_dir();
    let empty = folder.path().to_owned();
    for search in [
        Search { bin: Some(empty.clone()), ..Search::from_environment() },
        Search { bin: None, path: vec![empty.clone()], patterns: Vec::new() },
    ] {
        let err = error(&state_dir, Setup { search, ..Setup::from_environment() }).await;
        assert!(err.is_missing_dependency(), "{err:?}");
        let text = err.to_string();
        assert!(text.contains(&*empty.to_string_lossy()) && text.contains("install it with `"));
    }
    assert!(!state_dir.join("postgres").exists());
}

#[tokio::test]
async fn data_of_another_version_are_left_alone() {
    let (_folder, state_dir) = state_dir();
    start(&state_dir).await.stop().expect("left");
    let version = state_dir.join("postgres/PG_VERSION");
    let found = fs::read_to_string(&version).expect("a version");
    fs::write(&version, "9\n").expect("written");
    let err = error(&state_dir, Setup::from_environment()).await;
    let text = err.to_string();
    assert!(err.is_missing_dependency() && text.contains("Postgres 9"), "{text}");
    assert!(text.contains(&format!("Postgres {}", found.trim())) && text.contains("pg_upgrade"));
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_named() {
    let (folder, _) = state_dir();
    // Root may write to every folder but those that the kernel makes.
    let state_dir = if folder.path().metadata().expect("a folder").uid() == 0 {
        PathBuf::from("/sys/scanflow")
    } else {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("a mode");
        folder.path().join("state")
    };
    let err = error(&state_dir, Setup::from_environment()).await;
    assert!(matches!(err, ClusterError::StateDir { .. }), "{err:?}");
    assert!(err.to_string().contains(&*state_dir.to_string_lossy()), "{err}");

    let (_folder, state_dir) = self::state_dir();
    fs::create_dir_all(state_dir.join("postgres")).expect("a folder");
    fs::write(state_dir.join("postgres/notes"), "mine").expect("written");
    let err = error(&state_dir, Setup::from_environment()).await;
    assert!(matches!(err, ClusterError::NotADatabase { .. }), "{err:?}");
}

#[tokio::test]
async fn a_folder_that_the_server_cannot_enter_is_named() {
    let (folder, _) = state_dir();
    if folder.path().metadata().expect("a folder").uid() != 0 {
        return; // the server runs as this user
    }
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("a mode");
    let err = error(&closed.join("below/state"), Setup::from_environment()).await;
    let ClusterError::Untraversable { folder, .. } = &err else { panic!("{err:?}") };
    assert_eq!(folder, &closed.canonicalize().expect("a path"));
}

#[tokio::test]
async fn a_long_path_has_its_socket_elsewhere() {
    let (folder, _) = state_dir();
    let deep = folder.path().join("d".repeat(120)).join("a 'quoted' folder");
    let setup = Setup {
        socket_parents: vec![folder.path().join("e".repeat(120)), "/tmp".into()],
        ..Setup::from_environment()
    };
    let cluster = Cluster::start_with(&deep, &Clock::system(), setup).await.expect("a cluster");
    assert!(cluster.url().starts_with("host='/tmp/scanflow-"), "{}", cluster.url());
    works(&cluster).await;
}

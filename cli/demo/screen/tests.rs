//! Frames of known views.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use scanflow::model::{AssetId, PerLane, UnixTime};
use scanflow::schedule::{Backlog, LaneSplit, Progress};
use scanflow::store::postgres::history::ChangeKind;

use super::*;
use crate::demo::scale::{Lowered, Scale};

const START: UnixTime = UnixTime::from_micros(1_000_000_000_000);

fn at(seconds: u64) -> UnixTime {
    START + Duration::from_secs(seconds)
}

fn change(kind: ChangeKind, severity: Severity, check: &str, subject: &str) -> InsightChange {
    let (asset, sequence) = (AssetId(1), 1);
    let (check, subject) = (check.to_owned(), subject.to_owned());
    InsightChange { at: at(80), kind, severity, check, asset, subject, sequence }
}

fn plan(name: &str, cadence: u64, assets: u64, overdue: u64) -> PlanProgress {
    PlanProgress {
        plan: name.to_owned(),
        cadence: Duration::from_secs(cadence),
        assets,
        never_scanned: 0,
        overdue,
        oldest: Some(at(30)),
    }
}

fn fresh() -> View {
    let mut view = View::new("samples/fleet".to_owned(), START);
    view.now = at(83);
    view.stage = Stage::Fresh;
    let (factor, asked) = (10_080.0, 10_080.0);
    view.scale = Some(Scale { factor, asked, lowered: None });
    view.progress = Some(Progress {
        assets: 19_447,
        plans: vec![plan("enterprise", 9, 407, 2), plan("free", 60, 19_040, 0)],
        backlog: Backlog::default(),
        out: PerLane { fast: 12, slow: 1 },
        returned: PerLane { fast: 19_447, slow: 0 },
        per_second_max: Some(400.0),
        throttle: 1.0,
        covered_in: None,
        is_paused: false,
        requests: 0,
        lanes: LaneSplit::default(),
    });
    (0..100).for_each(|second| view.add_speed(300 + second % 7 * 10));
    view.open = Some(vec![(Severity::High, 551), (Severity::Low, 9_771)]);
    let opened = change(ChangeKind::Opened, Severity::High, "spf.missing", "example.com");
    let resolved = change(
        ChangeKind::Resolved,
        Severity::Low,
        "dns.private_address",
        "intranet.example.com A 10.20.30.40",
    );
    view.add_changes([opened, resolved].into_iter());
    (view.opened_count, view.resolved_count, view.broken, view.repaired) = (4, 2, 14, 3);
    view.admin = Some("admin: http://127.0.0.1:9642".to_owned());
    view
}

fn drawn(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(frame, view, false)).expect("a frame");
    let cells = terminal.backend().buffer().content();
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(|cell| cell.symbol()).collect();
        text.trim_end().to_owned()
    };
    cells.chunks(usize::from(width)).map(line).collect()
}

#[test]
fn eighty_columns_show_everything() {
    let lines = drawn(&fresh(), 80, 24);
    assert_eq!(lines[0], "scanflow demo  83 s  samples/fleet");
    let doing = "time x10080, a week in 60 s; the demo broke 14 zones and repaired 3";
    assert_eq!(lines[1], doing);
    let lines = &lines[1..];
    assert!(lines[1].starts_with("covered  ████") && lines[1].ends_with("█ 100.0 % of 19447"));
    assert!(lines[2].starts_with("scans/s  "), "{}", lines[2]);
    assert!(lines[2].ends_with("310  in the lanes: fast 12, slow 1"), "{}", lines[2]);
    assert!(lines[2].chars().any(|c| ('▁'..='█').contains(&c)), "{}", lines[2]);
    assert_eq!(lines[3], "open     551 high  9771 low");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let header = ["plan", "cadence", "assets", "overdue", "oldest", "scanned"];
    assert_eq!(words(&lines[4]), header);
    assert_eq!(words(&lines[5]), ["free", "60", "s", "19040", "0", "53", "s", "19040"]);
    assert_eq!(words(&lines[6]), ["enterprise", "9.0", "s", "407", "2", "53", "s", "407"]);
    assert!(lines[7].starts_with("opened (4)─") && lines[7].contains(" resolved (2)─"));
    assert!(lines[8].starts_with(" 3.0 s spf.missing example.com "), "{}", lines[8]);
    assert!(lines[8].contains(" 3.0 s dns.private_address intran"), "{}", lines[8]);
    assert_eq!(lines[22], "q leaves; admin: http://127.0.0.1:9642");
}

#[test]
fn a_small_terminal_shows_the_most_of_it() {
    let lines = drawn(&fresh(), 40, 15);
    assert_eq!(lines[0], "scanflow demo  83 s  samples/fleet");
    assert_eq!(lines[1], "time x10080, a week in 60 s; the demo br");
    assert!(lines[2].ends_with(" 100.0 % of 19447"), "{}", lines[2]);
    assert!(lines[5].starts_with("plan      cadence"), "{}", lines[5]);
    assert!(lines[6].starts_with("free      60 s"), "{}", lines[6]);
    let place = |what: &str| lines.iter().position(|line| line.starts_with(what));
    let (opened, resolved) = (place("opened (4)"), place("resolved (2)"));
    assert!(opened.is_some() && opened < resolved, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("spf.missing example.com")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("dns.private_address")), "{lines:#?}");
    assert!(lines[14].starts_with("q leaves"), "{}", lines[14]);
}

#[test]
fn what_comes_before_the_first_scan_is_told() {
    let mut view = View::new("samples/fleet".to_owned(), START);
    assert!(drawn(&view, 80, 24)[1].contains("starting a Postgres"));
    view.stage = Stage::Importing;
    (view.zones_stored, view.records_stored) = (406, 6_549);
    assert_eq!(drawn(&view, 80, 24)[1], "importing: 406 zones, 6549 records");
}

#[test]
fn a_lowered_time_scale_says_why() {
    let mut view = fresh();
    let lowered = Some(Lowered::Machine(900.0));
    let (factor, asked) = (2_520.0, 10_080.0);
    view.scale = Some(Scale { factor, asked, lowered });
    let lines = drawn(&view, 100, 24);
    assert!(lines[1].starts_with("time x2520, a week in 240 s; "), "{}", lines[1]);
    let why = "time scale lowered from x10080: this machine scans 900 a second";
    assert!(lines[2].starts_with(why), "{}", lines[2]);
}

#[test]
fn names_do_not_steer_the_terminal_and_no_size_is_too_small() {
    let mut view = fresh();
    let steering = change(ChangeKind::Opened, Severity::High, "spf.missing", "\u{1b}[2Ja.test");
    view.add_changes([steering].into_iter());
    assert!(drawn(&view, 120, 24).iter().any(|line| line.contains("\\u{1b}[2Ja.test")));
    for (width, height) in [(1, 1), (5, 3), (20, 6), (300, 2)] {
        assert_eq!(drawn(&view, width, height).len(), usize::from(height));
    }
}

#[test]
fn colours_are_left_out_when_they_are_not_wanted() {
    let colours = |has_color| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        terminal.draw(|frame| draw(frame, &fresh(), has_color)).expect("a frame");
        let cells = terminal.backend().buffer().content();
        cells.iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert_eq!(colours(false), 0);
    assert!(0 < colours(true));
}

//! `docs/failures.md` against the table in the code.

use std::collections::BTreeSet;
use std::fs;

use scanflow::clock::Clock;
use scanflow::store::postgres::Fault;
use scanflow::store::postgres::fault::CLASSES;
use scanflow::telemetry::Telemetry;

/// The cells of the rows of the table that begins with this header.
fn rows(page: &str, header: &str) -> Vec<Vec<String>> {
    let table = page.split(header).nth(1).unwrap_or_else(|| panic!("no table {header}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

fn page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failures.md");
    fs::read_to_string(page).expect("the page")
}

#[test]
fn the_page_on_failures_has_every_class_with_its_fault() {
    let written = rows(&page(), "| SQLSTATE | name | fault |");
    let written: Vec<[&str; 3]> =
        written.iter().map(|row| [row[0].as_str(), row[1].as_str(), row[2].as_str()]).collect();
    let known: Vec<[&str; 3]> =
        CLASSES.iter().map(|class| [class.code, class.name, class.fault.name()]).collect();
    assert_eq!(written, known);
}

#[test]
fn the_page_on_failures_says_what_is_done_about_each_fault() {
    let done = rows(&page(), "| fault | what it is | what is done |");
    let done: BTreeSet<String> = done.into_iter().map(|row| row[0].clone()).collect();
    let faults = [Fault::Connection, Fault::Statement, Fault::Values, Fault::SetUp];
    assert_eq!(done, faults.map(|fault| fault.name().to_owned()).into());
}

#[test]
fn whatever_an_outcome_can_be_parked_for_is_a_cause_of_its_own() {
    for class in CLASSES {
        let telemetry = Telemetry::default();
        telemetry.sink().parked(&format!("{:0<5}", class.code));
        let text = telemetry.render(Clock::system().now());
        let is_other = text.contains("scanflow_dlq_total{cause=\"other\"} 1");
        let parks = matches!(class.fault, Fault::Statement | Fault::Values);
        // A class may be parked for some of its codes alone.
        assert!(!(parks && is_other), "{class:?} counts as other");
    }
}

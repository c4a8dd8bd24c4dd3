//! The graphs as timely logs them: what their pictures show, and what may not be joined.

use std::collections::BTreeSet;
use std::path::Path;

use scanflow::config::JobConfig;
use scanflow_dataflows::Shape;
use scanflow_dataflows::shape::{Dataflow, Port};

use crate::picture::{Edges, edges, first_of};

mod picture;

/// The file of each picture, and the dataflow that it shows.
const PICTURES: [(&str, &str); 3] =
    [("scan.rs", "scan"), ("control.rs", "control"), ("../docs/architecture.md", "scan")];

fn planned() -> Shape {
    Shape::planned(&JobConfig::default()).expect("a runtime")
}

fn named<'a>(shape: &'a Shape, name: &str) -> &'a Dataflow {
    shape.dataflows.iter().find(|dataflow| dataflow.name == name).expect(name)
}

fn logged(shape: &Shape, name: &str) -> Edges {
    let dataflow = named(shape, name);
    let ends = dataflow.channels.iter().map(|channel| [channel.from, channel.to]);
    let edges: Edges = ends
        .map(|ends| ends.map(|end: Port| dataflow.operators[&end.operator].clone()).into())
        .collect();
    let joined: BTreeSet<&String> = edges.iter().flat_map(|(from, to)| [from, to]).collect();
    let all: BTreeSet<&String> = dataflow.operators.values().collect();
    assert_eq!(joined, all, "an operator that nothing leads to or from");
    edges
}

fn drawn(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).expect(file);
    // A page of documentation draws other things before.
    first_of(text.split_once("## The scan graph").map_or(text.as_str(), |(_, section)| section))
}

#[test]
fn the_pictures_show_what_timely_logs() {
    let shape = planned().without_plumbing();
    for (file, dataflow) in PICTURES {
        assert_eq!(edges(&drawn(file)), Ok(logged(&shape, dataflow)), "{file}");
    }
}

#[test]
fn a_picture_with_another_operator_or_arrow_is_noticed() {
    let logged = logged(&planned().without_plumbing(), "scan");
    let doctored: [(&str, &[(&str, &str)]); 6] = [
        ("an operator more", &[("check --> write", "check --> count --> write")]),
        ("an operator less", &[("load --> check --> write", "load ------------> write")]),
        ("an arrow more", &[("|                   +---> slow", "+-------------------+---> slow")]),
        (
            "an arrow less",
            &[("<----+---", "<--------"), ("       |         ", "                 ")],
        ),
        ("an arrow to nowhere", &[("<----+---", "<--------")]),
        ("a lane twice", &[("fast --> load", "slow --> load")]),
    ];
    for (what, changes) in doctored {
        let mut picture = drawn("scan.rs").join("\n");
        for (before, after) in changes {
            assert!(picture.contains(before), "{what}: there is no {before:?}");
            picture = picture.replacen(before, after, 1);
        }
        let lines: Vec<String> = picture.lines().map(str::to_owned).collect();
        assert_ne!(edges(&lines).as_ref(), Ok(&logged), "{what}:\n{picture}");
    }
}

#[test]
fn no_operator_but_the_source_is_reached_by_both_lanes() {
    let shape = planned();
    let scan = named(&shape, "scan");
    let number =
        |name: &str| *scan.operators.iter().find(|(_, operator)| *operator == name).expect(name).0;
    let (source, parting) = (number("schedule"), number("partition_by_cost"));
    let [fast, slow] = [0, 1].map(|port| {
        let is_from = |from: Port| from == Port { operator: parting, port };
        let mut ahead: Vec<usize> = targets(scan, is_from).collect();
        let mut reached = BTreeSet::new();
        while let Some(operator) = ahead.pop() {
            if operator != source && reached.insert(operator) {
                ahead.extend(targets(scan, |from: Port| from.operator == operator));
            }
        }
        reached
    });
    assert!(fast.contains(&number("write(fast)")) && slow.contains(&number("write(slow)")));
    let both: Vec<_> = fast.intersection(&slow).map(|number| &scan.operators[number]).collect();
    assert!(both.is_empty(), "{both:?}");
}

fn targets(dataflow: &Dataflow, is_from: impl Fn(Port) -> bool) -> impl Iterator<Item = usize> {
    let channels = dataflow.channels.iter().filter(move |channel| is_from(channel.from));
    channels.map(|channel| channel.to.operator)
}

#[test]
fn a_shape_survives_the_way_through_json() {
    let shape = planned();
    let json = serde_json::to_string(&shape).expect("JSON");
    assert_eq!(serde_json::from_str::<Shape>(&json).expect("a shape"), shape);
}

//! The language of Graphviz (<https://graphviz.org/doc/info/lang.html>), a cluster a dataflow.

use std::io::{self, Write};

use scanflow_dataflows::Shape;

use super::label;

pub(super) fn print(out: &mut impl Write, shape: &Shape) -> io::Result<()> {
    writeln!(out, "digraph scanflow {{\n  rankdir=LR;\n  node [shape=box];")?;
    for (index, dataflow) in shape.dataflows.iter().enumerate() {
        writeln!(out, "  subgraph cluster_{index} {{\n    label={};", quoted(&dataflow.name))?;
        for number in dataflow.operators.keys() {
            let label = quoted(&label(dataflow, *number));
            writeln!(out, "    d{index}_{number} [label={label}];")?;
        }
        for channel in &dataflow.channels {
            let (from, to) = (channel.from.operator, channel.to.operator);
            let label = quoted(&channel.carries);
            writeln!(out, "    d{index}_{from} -> d{index}_{to} [label={label}];")?;
        }
        writeln!(out, "  }}")?;
    }
    writeln!(out, "}}")
}

/// A string; a backslash would begin an escape of Graphviz.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::super::tests::printed;

    #[test]
    fn names_are_quoted() {
        let expected = r#"digraph scanflow {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="test";
    d0_1 [label="source"];
    d0_2 [label="part"];
    d0_3 [label="work 3"];
    d0_4 [label="work 4"];
    d0_5 [label="a \"quoted\" #1\\"];
    d0_1 -> d0_2 [label="(Ticket, u64)"];
    d0_2 -> d0_3 [label="u64"];
    d0_2 -> d0_4 [label="Option<u64>"];
    d0_3 -> d0_1 [label="Ticket"];
    d0_4 -> d0_1 [label="Ticket"];
    d0_4 -> d0_5 [label="u64"];
  }
}
"#;
        assert_eq!(printed(super::print), expected);
    }
}

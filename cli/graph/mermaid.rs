//! A flowchart of Mermaid (<https://mermaid.js.org/syntax/flowchart.html>), a subgraph a dataflow.

use std::io::{self, Write};

use scanflow_dataflows::Shape;

use super::label;

pub(super) fn print(out: &mut impl Write, shape: &Shape) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    for (index, dataflow) in shape.dataflows.iter().enumerate() {
        writeln!(out, "  subgraph d{index}[{}]", quoted(&dataflow.name))?;
        for number in dataflow.operators.keys() {
            writeln!(out, "    d{index}_{number}[{}]", quoted(&label(dataflow, *number)))?;
        }
        for channel in &dataflow.channels {
            let (from, to) = (channel.from.operator, channel.to.operator);
            let label = quoted(&channel.carries);
            writeln!(out, "    d{index}_{from} -->|{label}| d{index}_{to}")?;
        }
        writeln!(out, "  end")?;
    }
    Ok(())
}

/// A string has no escapes but entities, whose sign is `#`; what looks like HTML is read as such.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '#' => quoted += "#35;",
            '"' => quoted += "#quot;",
            '<' => quoted += "#lt;",
            '>' => quoted += "#gt;",
            '&' => quoted += "#amp;",
            '`' => quoted += "#96;",
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::super::tests::printed;

    #[test]
    fn names_are_quoted() {
        let expected = r#"flowchart LR
  subgraph d0["test"]
    d0_1["source"]
    d0_2["part"]
    d0_3["work 3"]
    d0_4["work 4"]
    d0_5["a #quot;quoted#quot; #35;1\"]
    d0_1 -->|"(Ticket, u64)"| d0_2
    d0_2 -->|"u64"| d0_3
    d0_2 -->|"Option#lt;u64#gt;"| d0_4
    d0_3 -->|"Ticket"| d0_1
    d0_4 -->|"Ticket"| d0_1
    d0_4 -->|"u64"| d0_5
  end
"#;
        assert_eq!(printed(super::print), expected);
    }
}

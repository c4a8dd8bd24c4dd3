//! `scanflow graph`: the dataflows as timely logs them.

use std::io::Write;

use scanflow_dataflows::Shape;
use scanflow_dataflows::shape::Dataflow;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

use self::running::NotTold;

mod dot;
mod mermaid;
mod running;
mod text;

/// Print the dataflows: which operators there are and what leads where
///
/// They are built as `run` builds them with these settings, read from timely's own log, and never
/// run: no database is needed. With --running, the job that runs tells what it has built.
#[derive(Debug, clap::Args)]
pub(crate) struct Graph {
    /// text is for people, dot for Graphviz, mermaid for Markdown, json for programs
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// Every operator, also those of timely that only lead streams on
    #[arg(long)]
    all: bool,

    /// Ask the job that answers on admin.listen
    #[arg(long)]
    running: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Dot,
    Mermaid,
    Json,
}

impl Graph {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let config = &context.config;
        let logged = if self.running {
            running::running(config.admin.listen).map_err(not_told)?
        } else {
            Shape::planned(&config.job())?
        };
        let shape = if self.all { logged } else { logged.without_plumbing() };
        let mut out = Stdout::lock();
        match self.format {
            Format::Text => text::print(&mut out, &shape)?,
            Format::Dot => dot::print(&mut out, &shape)?,
            Format::Mermaid => mermaid::print(&mut out, &shape)?,
            Format::Json => writeln!(out, "{}", serde_json::to_string(&shape)?)?,
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn not_told(err: NotTold) -> Failure {
    let exit = match err {
        NotTold::NoAddress => Exit::Usage,
        NotTold::Unreachable { .. } | NotTold::NoGraph { .. } => Exit::Unavailable,
    };
    Failure::new(exit, err)
}

/// The name, with the number of the operator where others in the dataflow have the same name.
fn label(dataflow: &Dataflow, number: usize) -> String {
    let Some(name) = dataflow.operators.get(&number) else { return number.to_string() };
    match dataflow.operators.values().filter(|other| *other == name).count() {
        1 => name.clone(),
        _ => format!("{name} {number}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use scanflow_dataflows::shape::{Channel, Port};

    use super::*;

    /// A source whose stream parts and comes back by two ways.
    pub(super) fn shape() -> Shape {
        let channel = |from, port, to, carries: &str| Channel {
            from: Port { operator: from, port },
            to: Port { operator: to, port: 0 },
            carries: carries.to_owned(),
        };
        let names = ["source", "part", "work", "work", "a \"quoted\" #1\\"];
        let dataflow = Dataflow {
            name: "test".to_owned(),
            operators: (1..).zip(names.map(str::to_owned)).collect(),
            channels: BTreeSet::from([
                channel(1, 0, 2, "(Ticket, u64)"),
                channel(2, 0, 3, "u64"),
                channel(2, 1, 4, "Option<u64>"),
                channel(3, 0, 1, "Ticket"),
                channel(4, 0, 1, "Ticket"),
                channel(4, 1, 5, "u64"),
            ]),
        };
        Shape { dataflows: vec![dataflow] }
    }

    pub(super) fn printed(print: fn(&mut Vec<u8>, &Shape) -> std::io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out, &shape()).expect("a vector takes all");
        String::from_utf8(out).expect("UTF-8")
    }
}

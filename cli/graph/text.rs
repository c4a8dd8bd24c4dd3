//! Chains of operators, a line each; every channel stands in one of them, once.

use std::collections::BTreeSet;
use std::io::{self, Write};

use scanflow_dataflows::Shape;
use scanflow_dataflows::shape::Dataflow;

use super::label;

pub(super) fn print(out: &mut impl Write, shape: &Shape) -> io::Result<()> {
    for (index, dataflow) in shape.dataflows.iter().enumerate() {
        if index != 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", dataflow.name)?;
        for chain in chains(dataflow) {
            let names: Vec<String> =
                chain.into_iter().map(|number| label(dataflow, number)).collect();
            writeln!(out, "  {}", names.join(" --> "))?;
        }
    }
    Ok(())
}

/// A chain goes on to what was not met before, and ends where it comes back to what was. The next
/// one begins at the first operator met that something else leaves.
fn chains(dataflow: &Dataflow) -> Vec<Vec<usize>> {
    let channels = dataflow.channels.iter();
    let mut left: BTreeSet<(usize, usize)> =
        channels.map(|channel| (channel.from.operator, channel.to.operator)).collect();
    let mut met: Vec<usize> = Vec::new();
    let mut chains = Vec::new();
    loop {
        let numbers = dataflow.operators.keys();
        let is_start = |number: &&usize| left.iter().any(|(from, _)| from == *number);
        let is_alone = |number: &&usize| !met.contains(number);
        let start = met.iter().find(is_start).or_else(|| numbers.clone().find(is_start));
        let Some(mut last) = start.or_else(|| numbers.clone().find(is_alone)).copied() else {
            return chains;
        };
        let mut chain = vec![last];
        if !met.contains(&last) {
            met.push(last);
        }
        loop {
            let onward = left.range((last, 0)..=(last, usize::MAX));
            let next = onward.clone().find(|(_, to)| !met.contains(to)).or(onward.clone().next());
            let Some((from, to)) = next.copied() else { break };
            left.remove(&(from, to));
            chain.push(to);
            if met.contains(&to) {
                break;
            }
            met.push(to);
            last = to;
        }
        chains.push(chain);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::printed;

    #[test]
    fn every_channel_stands_in_one_chain() {
        let text = printed(super::print);
        let expected = r#"test
  source --> part --> work 3 --> source
  part --> work 4 --> a "quoted" #1\
  work 4 --> source
"#;
        assert_eq!(text, expected);
    }
}

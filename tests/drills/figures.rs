//! What a drill shows: how much it disturbed, and what that did.
#![expect(clippy::print_stdout, reason = "figures are what a drill is for")]

use std::collections::HashMap;
use std::fmt;

#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) drill: &'static str,
    pub(crate) disturbances: usize,
    /// How often the inventory changed.
    pub(crate) rounds: usize,
    pub(crate) scans: u64,
    pub(crate) seconds: f64,
    /// Of this process and of every `scanflow`, without Postgres.
    pub(crate) cpu_seconds: f64,
    pub(crate) difference: Difference,
}

/// Lines of an export against those of an undisturbed one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Difference {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) false_resolutions: usize,
    pub(crate) other: usize,
    /// One of them.
    pub(crate) example: Option<String>,
}

impl Difference {
    pub(crate) fn between(undisturbed: &str, disturbed: &str) -> Difference {
        let mut left = HashMap::<&str, (usize, usize)>::new();
        undisturbed.lines().for_each(|line| left.entry(line).or_default().0 += 1);
        disturbed.lines().for_each(|line| left.entry(line).or_default().1 += 1);
        let mut difference = Difference::default();
        for (line, (expected, found)) in left {
            let extra = found.saturating_sub(expected);
            difference.lost += expected.saturating_sub(found);
            if line.contains(r#""state":"resolved""#) {
                difference.false_resolutions += extra;
            } else if 0 < expected {
                difference.doubled += extra;
            } else {
                difference.other += extra;
            }
            if expected != found {
                difference.example = Some(format!("{found} instead of {expected}: {line}"));
            }
        }
        difference
    }
}

const HEAD: &str = "drill                         disturbed  rounds     scans  seconds    CPU s  lost  \
                    doubled  false resolutions";

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { lost, doubled, false_resolutions, .. } = self.difference;
        write!(
            f,
            "{:<28}  {:>9}  {:>6}  {:>8}  {:>7.1}  {:>7.1}  {lost:>4}  {doubled:>7}  \
             {false_resolutions:>17}",
            self.drill, self.disturbances, self.rounds, self.scans, self.seconds, self.cpu_seconds,
        )
    }
}

/// Shows the figures, and holds them against what has to be.
pub(crate) fn show(figures: &Figures) {
    println!("{HEAD}\n{figures}");
    assert_eq!(figures.difference, Difference::default(), "{}", figures.drill);
}

/// What else a drill has seen.
pub(crate) fn say(drill: &str, what: &str) {
    println!("{drill:<28}  {what}");
}

/// Says why there are none.
pub(crate) fn skipped(drill: &str, reason: &str) {
    println!("{drill:<28}  SKIPPED: {reason}");
}

#[test]
fn what_is_lost_doubled_and_resolved_falsely_is_told_apart() {
    let line = |state: &str, subject: u8| format!(r#"{{"subject":"{subject}","state":"{state}"}}"#);
    let undisturbed = [line("open", 1), line("open", 2), line("opened", 1)].join("\n");
    assert_eq!(Difference::between(&undisturbed, &undisturbed), Difference::default());
    let disturbed = [line("open", 1), line("resolved", 2), line("opened", 1), line("opened", 1)];
    let difference = Difference::between(&undisturbed, &disturbed.join("\n"));
    assert!(difference.example.is_some());
    let Difference { lost, doubled, false_resolutions, other, .. } = difference;
    assert_eq!((lost, doubled, false_resolutions, other), (1, 1, 1, 0));
}

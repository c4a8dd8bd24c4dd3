//! A clock that is set back between two runs, and forward again.

use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::schedule::{Ending, Rate};
use scanflow_dataflows::Lead;
use timely::CommunicationConfig;

use crate::dice::Dice;
use crate::drill::{Drill, server, times};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn stamps_from_the_future_hide_no_change() {
    let Some(drill) = Drill::start("clock_set_back", server()).await else { return };
    let mut dice = Dice::seeded();
    let now = Clock::system().now();
    let mut newest = now;
    for round in 0..times(6) {
        if 0 < round {
            drill.next_round().await;
        }
        // Up to a month: other partitions of the history.
        let by = HOUR * u32::try_from(1 + dice.below(30 * 24)).expect("it is small");
        let is_back = round % 2 == 1;
        let at = if is_back { now.before(by).expect("1970 is long ago") } else { newest + by };
        // All that was scanned in the future counts as due.
        let ending = if is_back { Ending::OnceDue } else { Ending::Once };
        let task = Lead { rate: Rate::Max, ending, ..Lead::of(&Config::default()) };
        let clock = Clock::counting_from(at);
        let led = drill.place().lead(CommunicationConfig::Process(2), &clock, task).await;
        let scans = led.summary.stats.returned.fast + led.summary.stats.returned.slow;
        assert_eq!(scans, drill.ask::<i64>("select count(*) from scan_state").await.unsigned_abs());
        newest = newest.max(at);
        drill.newest().await;
        drill.disturbed();
    }
    drill.compare().await;
}

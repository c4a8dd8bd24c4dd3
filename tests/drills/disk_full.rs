//! A disk of Postgres that is full, until somebody makes room.

use scanflow_testing::ThrowAwayServer;

use crate::dice::Dice;
use crate::drill::{Drill, times};
use crate::figures;
use crate::small_disk::SmallDisk;

/// Room for the fleet, and the write-ahead log as small as it can be.
const MEGABYTES: u32 = 256;
const SETTINGS: [(&str, &str); 4] = [
    ("synchronous_commit", "on"),
    ("min_wal_size", "32MB"),
    ("max_wal_size", "32MB"),
    ("shared_buffers", "16MB"),
];

/// Of the server while it writes, and while it starts again on a disk that is full.
const FULL: [&str; 2] = ["No space left on device", "could not write init file"];

#[tokio::test]
async fn a_full_disk_parks_nothing_and_costs_nothing_but_time() {
    let disk = match SmallDisk::mounted(MEGABYTES) {
        Ok(disk) => disk,
        Err(reason) => {
            figures::skipped("disk_full", &reason);
            return;
        }
    };
    // Ends before the disk does.
    let server = ThrowAwayServer::start_in(disk.folder(), &SETTINGS);
    let Some(drill) = Drill::start("disk_full", &server).await else { return };
    let drill = drill.with("SCANFLOW_SCHEDULE__LEASE_TTL", "60s");
    let mut dice = Dice::seeded();
    let mut run = drill.lead().await;
    drill.scans(1).await;
    drill
        .while_changing(async {
            for _ in 0..times(4) {
                drill.scans(dice.below(3_000)).await;
                run.forget_said();
                disk.fill();
                run.says_one_of(&FULL).await;
                disk.make_room();
                // Without room for its log it dies.
                drill.comes_back(&server).await;
                drill.disturbed();
            }
        })
        .await;
    drill.end(run).await;
}

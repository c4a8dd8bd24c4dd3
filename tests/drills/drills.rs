//! Drills: `scanflow run` under load while something is taken away from it, again and again.
//!
//! After each drill the canonical export is that of a fleet which went through the same changes
//! undisturbed: nothing is lost, doubled or resolved falsely. `docs/drills.md` says how to run them.
//!
//! Not `main.rs`, which cargo would take for a test of the library.

#[path = "../../cli/tests/fleet/dice.rs"]
mod dice;
#[path = "../../cli/tests/commands/process.rs"]
#[expect(dead_code, reason = "other tests ask for more of a process")]
mod process;
#[path = "../../cli/tests/fleet/running.rs"]
#[expect(dead_code, reason = "other tests read what a process prints")]
mod running;
#[path = "../../cli/tests/fleet/source_copy.rs"]
#[expect(dead_code, reason = "other tests edit single lines of a source")]
mod source_copy;

#[path = "../../cli/tests/fleet/world.rs"]
#[expect(dead_code, reason = "other tests look at single insights")]
mod world;

mod changes;
mod drill;
mod figures;
mod processes;
mod scan_log;
mod small_disk;
mod undisturbed;

mod backends_killed;
mod clock_set_back;
mod disk_full;
mod killed;
mod postgres_stopped;
mod standby;
mod terminated;
mod two_runs;

//! All real fleets in one database. Alone in its process: beside others that take the processor, a
//! statement holds its snapshot for so long that pages fill with what may not be pruned.

#[path = "../commands/process.rs"]
#[expect(dead_code, reason = "other tests run commands")]
mod process;
#[path = "../fleet/running.rs"]
#[expect(dead_code, reason = "other tests watch processes")]
mod running;
mod together;
#[path = "../fleet/world.rs"]
#[expect(dead_code, reason = "other tests ask for more of a fleet")]
mod world;

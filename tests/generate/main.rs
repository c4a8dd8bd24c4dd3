//! Generated fleets: the truth about them, their sizes, their files and their import.

mod files;
mod import;
mod sizes;
mod truth;

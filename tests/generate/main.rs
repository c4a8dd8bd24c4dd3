//! Generated fleets: the truth about them, their sizes, their files and their import; mistakes.

mod files;
mod import;
mod mistake;
mod sizes;
mod truth;

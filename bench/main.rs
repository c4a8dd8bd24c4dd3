//! Throughput of the graphs that jobs run.

fn main() {}

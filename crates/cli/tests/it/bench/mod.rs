//! The benchmarks: what they measure is what happened.

mod model;
mod scale;

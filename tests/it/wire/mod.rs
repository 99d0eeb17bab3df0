//! Bytes to domain and back.

pub(crate) mod formats;
mod fuzz;

//! Proves conservation.

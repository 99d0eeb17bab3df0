//! What: Reads JSON where serde's derived readers aren't enough: leniently, fast, or strictly with errors for people.
//!
//! | module | what it reads |
//! |---|---|
//! | [`fields`] | a flat object strictly, each field by itself, and says what is wrong |
//! | `members` | the known fields of an object, each as its own JSON |
//! | `plain` | the same of an object of the plain form, faster |
//! | `raw` | one value by its text |
//! | `shape` | an object or a list where any JSON may stand |
//!
//! Serde's derived readers read all other JSON. Each module says why they don't do. Its figures are nanoseconds a
//! record, on one core of a busy machine: the best of 15 runs. Each run reads 1,000 records of a Kafka event 200 times.

pub mod fields;
pub(super) mod members;
mod plain;
pub(super) mod raw;
pub(super) mod shape;

//! What: Compares what a stack has deployed with what the template asks for. `docs/doctor.md` is for who uses it.
//!
//! | module | what it is |
//! |---|---|
//! | [`deployed`] | what is deployed, as plain data |
//! | [`expected`] | what the template asks for, in the same form |
//! | [`shape`], [`grant`], [`setting`] | a table, a permission and a mapping's settings, each in one form for both |
//! | [`mod@unnamed`] | the settings of a mapping that have no name here |
//! | [`pattern`] | texts of which only AWS knows parts |
//! | [`mod@compare`] | what differs; pure |
//! | [`finding`] | what a comparison finds |
//! | [`read`] | asks AWS and Kafka |
//! | [`shown`] | findings as lines and as JSON |

pub mod compare;
pub mod deployed;
pub mod expected;
pub mod finding;
pub mod grant;
pub mod pattern;
pub mod read;
pub mod setting;
pub mod shape;
pub mod shown;
pub mod unnamed;

//! What: Compares what is deployed with what the template asks for. It is pure.
//!
//! | part | where |
//! |---|---|
//! | the stack: its state and its parameters | `stack` |
//! | functions | `functions` |
//! | what their roles allow | `policies` |
//! | event source mappings | `mappings` |
//! | tables and streams | `tables` |
//! | topics and consumer groups | `kafka` |
//!
//! Data: Takes both as plain data. Gives findings.

mod functions;
mod kafka;
mod mappings;
mod policies;
mod stack;
mod tables;

use super::deployed::Deployed;
use super::expected::Expected;
use super::finding::Findings;

/// Compares all of it.
#[must_use]
pub fn compare(expected: &Expected, deployed: &Deployed) -> Findings {
    let mut findings = Findings::default();
    stack::compare(expected, &deployed.stack, &mut findings);
    functions::compare(expected, deployed, &mut findings);
    mappings::compare(expected, deployed, &mut findings);
    tables::compare(expected, deployed, &mut findings);
    policies::compare(expected, deployed, &mut findings);
    kafka::compare(expected, deployed, &mut findings);
    findings
}

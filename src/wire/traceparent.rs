//! What: The header by which a trace goes from a client over each record to its outcome.
//!
//! Data: Takes the headers of a record, or the header of an HTTP request. Gives the trace that they name, if they name
//! one. A header that is no trace, or that stands twice, is as good as none: it never makes a dead letter.
//!
//! Source: W3C Trace Context, level 1, 3.2; OpenTelemetry's conventions give a record of Kafka the same header.

use crate::domain::{Header, Trace};

/// The name of the header.
pub const HEADER: &str = "traceparent";

/// The header of a trace.
#[must_use]
pub fn header(trace: &Trace) -> Header {
    Header { name: HEADER.into(), value: Some(trace.to_string().into_bytes()) }
}

/// The trace that the headers of a record name.
#[must_use]
pub fn read(headers: &[Header]) -> Option<Trace> {
    let mut given = headers.iter().filter(|header| header.name == HEADER);
    let (header, None) = (given.next()?, given.next()) else { return None };
    Trace::parse(std::str::from_utf8(header.value.as_deref()?).ok()?)
}

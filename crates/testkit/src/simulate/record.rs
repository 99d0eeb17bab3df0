//! What: A record as a client of the simulation produced it.

/// The header that tells who asked.
pub(super) const REQUESTED_BY: &str = "giro-requested-by";

/// The header that tells the trace.
pub(super) const TRACEPARENT: &str = "traceparent";

/// A record as a client produced it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    /// Its headers, in their order: name and value.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// When it was produced, in milliseconds since 1970.
    pub(super) timestamp_ms: i64,
}

impl Record {
    /// A record without headers, to be stamped by its topic.
    pub(super) fn new(key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> Self {
        Self { key, value, headers: Vec::new(), timestamp_ms: 0 }
    }

    /// The same with one more header.
    pub(super) fn with_header(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.to_owned(), value.to_vec()));
        self
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Its value, for a person.
    pub(super) fn shown(&self) -> String {
        self.value.as_deref().map_or("nothing".into(), |value| String::from_utf8_lossy(value).into_owned())
    }
}

//! What: Spans of traces, as a collector takes them.
//!
//! Limits: A span has [`LINKS_MAX`] links at the most, and says how many more there were. The endpoint of X-Ray takes
//! no span of more than 200 KB.

use serde_json::{Value, json};

use super::{Attributes, attributes, resource, scope};
use crate::domain::Trace;

/// The most links of a span. Each takes some 90 bytes.
pub const LINKS_MAX: usize = 1_000;

const STATUS_ERROR: u8 = 2;

/// What a span is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// It answers a request.
    Server = 2,
    /// It hands records over.
    Producer = 4,
    /// It takes records.
    Consumer = 5,
}

/// A span: what a function did in an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSpan {
    /// Its trace, and its own id.
    pub place: Trace,
    /// The span that it belongs to. `None`: its trace begins with it.
    pub parent: Option<Trace>,
    /// What it is to others.
    pub kind: SpanKind,
    /// What was done, in few different words.
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub began_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// More about it.
    pub attributes: Attributes,
    /// The spans that have made its records.
    pub links: Vec<Trace>,
    /// What failed.
    pub error: Option<&'static str>,
}

/// The body that tells a collector of a span of a function.
#[must_use]
pub fn encode(function: &str, span: &TraceSpan) -> String {
    let told = json!({ "resourceSpans": [{
        "resource": resource(function),
        "scopeSpans": [{ "scope": scope(), "spans": [span_json(span)] }],
    }] });
    told.to_string()
}

fn span_json(span: &TraceSpan) -> Value {
    let ended_ns = span.began_ns.saturating_add(span.duration_ns);
    let links: Vec<Value> = span.links.iter().take(LINKS_MAX).map(link).collect();
    #[allow(clippy::as_conversions, reason = "the number of an enum")]
    let mut json = json!({
        "traceId": span.place.trace_id(),
        "spanId": span.place.span_id(),
        "flags": span.place.flags(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": span.began_ns.to_string(),
        "endTimeUnixNano": ended_ns.to_string(),
        "attributes": attributes(&span.attributes),
        "droppedLinksCount": span.links.len().saturating_sub(links.len()),
        "links": links,
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = json!(parent.span_id());
    }
    if let Some(error) = span.error {
        json["status"] = json!({ "code": STATUS_ERROR, "message": error });
    }
    json
}

fn link(trace: &Trace) -> Value {
    json!({ "traceId": trace.trace_id(), "spanId": trace.span_id(), "flags": trace.flags() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::otlp::Attribute;

    fn trace(span: u64) -> Trace {
        Trace::parse(&format!("00-{:032x}-{span:016x}-01", 0x4b)).unwrap()
    }

    fn batch() -> TraceSpan {
        TraceSpan {
            place: trace(2),
            parent: Some(trace(1)),
            kind: SpanKind::Consumer,
            name: "process payment-requests".into(),
            began_ns: 1_700_000_000_123_456_789,
            duration_ns: 1_000,
            attributes: vec![
                ("messaging.system".into(), Attribute::Text("kafka".into())),
                ("messaging.batch.message_count".into(), Attribute::Number(2)),
            ],
            links: vec![trace(3), trace(4)],
            error: None,
        }
    }

    fn told(span: &TraceSpan) -> Value {
        let body: Value = serde_json::from_str(&encode("prod-payment-processor", span)).unwrap();
        body["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone()
    }

    #[test]
    fn a_span_is_told_as_the_protocol_writes_it() {
        let span = told(&batch());
        let expected = json!({
            "traceId": format!("{:032x}", 0x4b),
            "spanId": "0000000000000002",
            "parentSpanId": "0000000000000001",
            "flags": 1,
            "name": "process payment-requests",
            "kind": 5,
            "startTimeUnixNano": "1700000000123456789",
            "endTimeUnixNano": "1700000000123457789",
            "attributes": [
                { "key": "messaging.system", "value": { "stringValue": "kafka" } },
                { "key": "messaging.batch.message_count", "value": { "intValue": "2" } },
            ],
            "droppedLinksCount": 0,
            "links": [
                { "traceId": format!("{:032x}", 0x4b), "spanId": "0000000000000003", "flags": 1 },
                { "traceId": format!("{:032x}", 0x4b), "spanId": "0000000000000004", "flags": 1 },
            ],
        });
        assert_eq!(span, expected);
        let failed = told(&TraceSpan { error: Some("unfinished records"), parent: None, ..batch() });
        assert_eq!(failed["status"], json!({ "code": 2, "message": "unfinished records" }));
        assert!(failed.get("parentSpanId").is_none());
    }

    #[test]
    fn a_function_is_named() {
        let body: Value = serde_json::from_str(&encode("prod-payment-api", &batch())).unwrap();
        let service = &body["resourceSpans"][0]["resource"]["attributes"][0];
        assert_eq!(*service, json!({ "key": "service.name", "value": { "stringValue": "prod-payment-api" } }));
    }

    #[test]
    fn links_past_the_limit_are_counted() {
        let links: Vec<Trace> = (1..=1_003).map(trace).collect();
        let span = told(&TraceSpan { links, ..batch() });
        assert_eq!(span["links"].as_array().unwrap().len(), LINKS_MAX);
        assert_eq!(span["droppedLinksCount"], 3);
        assert!(span.to_string().len() < 200_000);
    }
}

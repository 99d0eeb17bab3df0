//! What: What a function tells a collector of OpenTelemetry: the bodies of OTLP over HTTP, in JSON.
//!
//! | module | body |
//! |---|---|
//! | [`spans`] | of `/v1/traces` |
//! | [`metrics`] | of `/v1/metrics` |
//!
//! Invariants: As the specification asks for it, ids are hexadecimal, 64-bit numbers are decimal strings, and enums are
//! numbers. No attribute holds data of an account holder.
//!
//! Source: OpenTelemetry protocol specification 1.x, "OTLP/HTTP", "JSON Protobuf Encoding"; opentelemetry-proto. The
//! tests have the types generated from the latter read each body.

pub mod metrics;
pub mod spans;

use serde_json::{Value, json};

use super::metric::{Measured, Metrics};

/// The name of what makes spans and metrics.
const SCOPE: &str = "giro";

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

/// An attribute, or more of them, by name.
pub type Attributes = Vec<(String, Attribute)>;

fn attribute(name: &str, value: &Attribute) -> Value {
    let value = match value {
        Attribute::Text(text) => json!({ "stringValue": text }),
        Attribute::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}

fn attributes(attributes: &[(String, Attribute)]) -> Value {
    attributes.iter().map(|(name, value)| attribute(name, value)).collect()
}

/// The function that tells it.
fn resource(function: &str) -> Value {
    let text = |name: &str, text: &str| attribute(name, &Attribute::Text(text.into()));
    json!({ "attributes": [
        text("service.name", function),
        text("faas.name", function),
        text("cloud.provider", "aws"),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ] })
}

fn scope() -> Value {
    json!({ "name": SCOPE, "version": env!("CARGO_PKG_VERSION") })
}

/// A figure's name: `ReadCalls` is `giro.read_calls`.
fn told_name(name: &str) -> String {
    let mut told = String::from("giro");
    for letter in name.chars() {
        match letter.is_ascii_uppercase() {
            true if told.len() == SCOPE.len() => told.push('.'),
            true => told.push('_'),
            false => {}
        }
        told.push(letter.to_ascii_lowercase());
    }
    told
}

/// The counts among metrics as attributes of a span. Those with dimensions have their values in their names:
/// `giro.decisions.payment.settled`.
#[must_use]
pub fn figures(metrics: &[Metrics]) -> Attributes {
    let figures = |of: &Metrics| {
        let values: String = of.dimensions.iter().map(|(_, value)| format!(".{value}")).collect();
        let figure = |name: &str, measured: &Measured| match measured {
            Measured::Count(count) | Measured::Most(count) => {
                Some((format!("{}{values}", told_name(name)), Attribute::Number(*count)))
            }
            Measured::Milliunits(_)
            | Measured::Seconds(_)
            | Measured::Milliseconds(_)
            | Measured::EachMilliseconds(_) => None,
        };
        of.metrics.iter().filter_map(|metric| figure(metric.name, &metric.measured)).collect::<Attributes>()
    };
    metrics.iter().flat_map(figures).collect()
}

/// How much of a collector's words is told.
const WORDS_MAX: usize = 200;

/// What a collector's answer refuses: how many, and why in its words. `None`: it took all, or its answer is not JSON.
/// Words without a number are advice.
#[must_use]
pub fn refusal(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let part = answer.get("partialSuccess")?;
    let number = |name: &str| part.get(name).and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok()));
    let refused = number("rejectedSpans").or_else(|| number("rejectedDataPoints")).filter(|refused| *refused > 0)?;
    let why = part.get("errorMessage").and_then(Value::as_str).unwrap_or("it doesn't say why");
    Some(format!("{refused} refused: {}", words(why)))
}

/// As much of a collector's words as is told.
#[must_use]
pub fn words(text: &str) -> String {
    text.chars().take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::metric::Metric;

    #[test]
    fn counts_are_attributes() {
        let count = |name, count| Metric { name, measured: Measured::Count(count) };
        let lag = Metric { name: "Lag", measured: Measured::Seconds(4) };
        let metrics = [
            Metrics { dimensions: vec![], metrics: vec![count("DeadLetters", 2), lag] },
            Metrics {
                dimensions: vec![("Kind", "payment"), ("Decision", "settled")],
                metrics: vec![count("Decisions", 7)],
            },
        ];
        let figures = figures(&metrics);
        let expected = [("giro.dead_letters", 2), ("giro.decisions.payment.settled", 7)];
        assert_eq!(figures, expected.map(|(name, number)| (name.into(), Attribute::Number(number))));
    }

    #[test]
    fn a_refusal_is_told_in_the_collectors_words() {
        for (answer, expected) in [
            ("{}", None),
            (r#"{"partialSuccess":{}}"#, None),
            (r#"{"partialSuccess":null}"#, None),
            (r#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"use v2"}}"#, None),
            (r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too large"}}"#, Some("1 refused: too large")),
            (r#"{"partialSuccess":{"rejectedDataPoints":2}}"#, Some("2 refused: it doesn't say why")),
            (r#"{"partialSuccess":{"rejectedSpans":1,"errorMessage":null}}"#, Some("1 refused: it doesn't say why")),
            ("accepted", None),
            ("", None),
        ] {
            assert_eq!(refusal(answer).as_deref(), expected, "{answer}");
        }
        let long = format!(r#"{{"partialSuccess":{{"rejectedSpans":1,"errorMessage":"{}"}}}}"#, "é".repeat(5_000));
        assert_eq!(refusal(&long).unwrap().chars().count(), "1 refused: ".len() + WORDS_MAX);
    }
}

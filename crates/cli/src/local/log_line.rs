//! What: Says to a person what a line in a function's log says.
//!
//! | line | shown |
//! |---|---|
//! | `batch finished` | what became of the records, and how long it took |
//! | a warning or an error | its message, and its fields by name |
//! | another message | the message |
//! | a metric, or what a batch says beside its counts | not |
//! | no JSON | as it is |
//!
//! Data: Takes a line. Gives a text without control characters, in a colour by what became of the records.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::escaped::Line;

/// What became of the records of a line, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Nothing is known of records.
    Plain,
    /// All were settled, applied or told.
    Good,
    /// Some were declined or refused.
    Declined,
    /// Some became dead letters, or are not done.
    Bad,
}

/// The counts of a batch that are shown if they aren't zero: the field, the words for one and for more, and what it
/// means.
const COUNTS: [(&str, &str, &str, Fate); 7] = [
    ("settled", "settled", "settled", Fate::Good),
    ("applied", "applied", "applied", Fate::Good),
    ("declined", "declined", "declined", Fate::Declined),
    ("refused", "refused", "refused", Fate::Declined),
    ("replayed", "replayed", "replayed", Fate::Plain),
    ("dead_letters", "dead letter", "dead letters", Fate::Bad),
    ("unfinished", "not done", "not done", Fate::Bad),
];

/// What a line says to a person. `None`: nothing.
pub(crate) fn told(line: &str, color: bool) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(line) else {
        return Some(Line(line).to_string());
    };
    // A metric in CloudWatch's embedded format.
    if fields.contains_key("_aws") {
        return None;
    }
    let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
    let level = fields.get("level").and_then(Value::as_str).unwrap_or_default();
    let (text, fate) = match (message, level) {
        ("batch finished", _) => batch(&fields),
        (_, "ERROR" | "WARN") => (with_fields(level, message, &fields), Fate::Bad),
        _ => (message.to_owned(), Fate::Plain),
    };
    let text = Line(text);
    Some(match (color, fate) {
        (false, _) | (true, Fate::Plain) => text.to_string(),
        (true, Fate::Good) => format!("\u{1b}[32m{text}\u{1b}[0m"),
        (true, Fate::Declined) => format!("\u{1b}[33m{text}\u{1b}[0m"),
        (true, Fate::Bad) => format!("\u{1b}[31m{text}\u{1b}[0m"),
    })
}

fn batch(fields: &Map<String, Value>) -> (String, Fate) {
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let (mut parts, mut fate) = (Vec::new(), Fate::Plain);
    for (field, one, more, means) in COUNTS {
        let Some(count) = number(field).filter(|count| *count > 0) else { continue };
        let words = if count == 1 { one } else { more };
        let reasons = fields.get("reasons").and_then(Value::as_str).filter(|_| means == Fate::Declined);
        parts.push(match reasons {
            Some(reasons) => format!("{count} {words} ({reasons})"),
            None => format!("{count} {words}"),
        });
        fate = fate.max(means);
    }
    let mut text = match number("records") {
        Some(1) => "1 record".to_owned(),
        Some(records) => format!("{records} records"),
        None => "a batch".to_owned(),
    };
    if !parts.is_empty() {
        let _ = write!(text, ": {}", parts.join(", "));
    }
    if let Some(ms) = number("duration_ms") {
        let _ = write!(text, " in {ms} ms");
    }
    if let Some(fault) = fields.get("fault").and_then(Value::as_str) {
        let _ = write!(text, "; {fault}");
        fate = Fate::Bad;
    }
    (text, fate)
}

fn with_fields(level: &str, message: &str, fields: &Map<String, Value>) -> String {
    let mut text = format!("{level} {message}");
    for (name, value) in fields {
        if !["level", "message", "timestamp", "request_id"].contains(&name.as_str()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(text, "; {name}: {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_became_of_the_records() {
        for (line, text) in [
            (
                r#"{"level":"INFO","message":"batch finished","records":12,"settled":10,"declined":1,"reasons":"insufficient_funds=1","replayed":0,"dead_letters":1,"unfinished":0,"duration_ms":34}"#,
                Some(
                    "\u{1b}[31m12 records: 10 settled, 1 declined (insufficient_funds=1), 1 dead letter in 34 ms\u{1b}[0m",
                ),
            ),
            (
                r#"{"message":"batch finished","records":1,"settled":1,"duration_ms":3}"#,
                Some("\u{1b}[32m1 record: 1 settled in 3 ms\u{1b}[0m"),
            ),
            (
                r#"{"message":"batch finished","records":2,"applied":1,"refused":1,"reasons":"not_zero=1"}"#,
                Some("\u{1b}[33m2 records: 1 applied, 1 refused (not_zero=1)\u{1b}[0m"),
            ),
            (r#"{"message":"batch finished","records":3,"replayed":3}"#, Some("3 records: 3 replayed")),
            (
                r#"{"message":"batch finished","records":2,"unfinished":2,"fault":"throttled","duration_ms":9}"#,
                Some("\u{1b}[31m2 records: 2 not done in 9 ms; throttled\u{1b}[0m"),
            ),
            (
                r#"{"timestamp":"x","level":"WARN","message":"held again","request_id":"r","rounds":7,"remedy":"lanes"}"#,
                Some("\u{1b}[31mWARN held again; remedy: lanes; rounds: 7\u{1b}[0m"),
            ),
            (r#"{"level":"INFO","message":"audit finished","accounts":2}"#, Some("audit finished")),
            (r#"{"_aws":{},"Settled":3}"#, None),
            ("a \u{1b}[31mplain\u{1b}[0m line", Some("a \\u001b[31mplain\\u001b[0m line")),
            (r#"{"message":"a \u001b[31m b"}"#, Some("a \\u001b[31m b")),
        ] {
            assert_eq!(told(line, true).as_deref(), text, "{line}");
        }
        assert_eq!(
            told(r#"{"message":"batch finished","records":1,"settled":1}"#, false).as_deref(),
            Some("1 record: 1 settled")
        );
    }
}

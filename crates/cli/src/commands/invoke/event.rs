//! What: Finds the function that takes an event. It is pure.
//!
//! Data: Takes an event, and the names of topics. Gives the binary of the function that takes such events.
//!
//! Topics are known by the names of the stack, and by the usual ones, which the sample events have. A topic whose name
//! begins with a known one, such as `payment-requests-sample`, counts as that.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::local::stack::{
    ACCOUNT_PROCESSOR, LEDGER_AUDITOR, OUTCOME_PUBLISHER, PAYMENT_API, PAYMENT_PROCESSOR, Topics,
};

/// Whose event it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// The function of this binary takes it. The text says why.
    Of(&'static str, String),
    /// A Kafka batch without records: no function has anything to do.
    Anybodys,
    /// It isn't known which. The text says what the event is.
    Unknown(String),
}

/// Tells whose event it is.
pub(super) fn whose(event: &Value, names: &[&Topics]) -> Whose {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(records) = event.get("records") {
        return of_topics(&topics(records), names);
    }
    if let Some(records) = event.get("Records").and_then(Value::as_array) {
        let source = records.iter().find_map(|record| text(record.get("eventSource")));
        return match source.as_deref() {
            Some("aws:dynamodb") => Whose::Of(OUTCOME_PUBLISHER, "its records are of a table's stream".into()),
            Some(other) => Whose::Unknown(format!("its records are of {other}")),
            None => Whose::Unknown("its Records name no eventSource".into()),
        };
    }
    if event.get("requestContext").is_some() {
        return Whose::Of(PAYMENT_API, "it is an HTTP request".into());
    }
    match (text(event.get("detail-type")).as_deref(), text(event.get("source"))) {
        (Some("Scheduled Event"), _) => Whose::Of(LEDGER_AUDITOR, "it is of a schedule".into()),
        (_, Some(source)) => Whose::Unknown(format!("it comes from {source}")),
        (_, None) => Whose::Unknown("it has no records, and is neither an HTTP request nor of a schedule".into()),
    }
}

/// The topics of a batch, from its records, else from the name of their list, `topic-partition`.
fn topics(records: &Value) -> BTreeSet<&str> {
    let mut topics = BTreeSet::new();
    for (name, records) in records.as_object().into_iter().flatten() {
        let list = records.as_array().map(Vec::as_slice).unwrap_or_default();
        let told = list.iter().filter_map(|record| record.get("topic")?.as_str());
        let before = topics.len();
        topics.extend(told);
        if topics.len() == before && !list.is_empty() && !list.iter().any(|record| record.get("topic").is_some()) {
            topics.insert(name.rsplit_once('-').map_or(name.as_str(), |(topic, _)| topic));
        }
    }
    topics
}

fn of_topics(topics: &BTreeSet<&str>, names: &[&Topics]) -> Whose {
    let named = Vec::from_iter(topics.iter().copied()).join(", ");
    let binaries: BTreeSet<Option<&'static str>> = topics.iter().map(|topic| of_topic(topic, names)).collect();
    match (Vec::from_iter(binaries).as_slice(), topics.len()) {
        ([], _) => Whose::Anybodys,
        ([Some(binary)], 1) => Whose::Of(binary, format!("its records are of the topic {named}")),
        ([Some(binary)], _) => Whose::Of(binary, format!("its records are of the topics {named}")),
        (_, 1) => Whose::Unknown(format!("no function takes the topic {named}")),
        _ => Whose::Unknown(format!("no function takes all of the topics {named}")),
    }
}

/// The function that takes a topic. No function takes on-failure topics, whose records have another form.
fn of_topic(topic: &str, names: &[&Topics]) -> Option<&'static str> {
    let mut kinds = Vec::new();
    for Topics { requests, requests_failed, commands, commands_failed, outcomes } in names.iter().copied() {
        kinds.extend([
            (requests, Some(PAYMENT_PROCESSOR)),
            (commands, Some(ACCOUNT_PROCESSOR)),
            (requests_failed, None),
            (commands_failed, None),
            (outcomes, None),
        ]);
    }
    let goes_on = |rest: &str| rest.is_empty() || rest.starts_with(['-', '.', '_']);
    // The longest name that the topic begins with: `payment-requests-failed` is not `payment-requests`.
    let fits = kinds.iter().filter_map(|(known, binary)| {
        let known = known.as_deref()?;
        goes_on(topic.strip_prefix(known)?).then_some((known.len(), *binary))
    });
    fits.max().and_then(|(_, binary)| binary)
}

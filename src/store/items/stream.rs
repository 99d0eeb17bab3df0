//! What: Reads items from a table's stream, which gives their attributes that are text or numbers.
//!
//! Data: Takes texts and numbers by name, without DynamoDB's types, so that neither the event's reader nor the handler
//! needs them. Gives what the codec of the item reads.
//!
//! A newer version may write items that this one doesn't know: of a kind, or with a reason, of tomorrow. They are read
//! as [`NewerOutcome`], so that they don't stop their shard.

use std::collections::HashMap;

use super::{Item, n, optional_text, parsed, payment, s, source};
use crate::domain::{Decline, NewerOutcome, PaymentId, Recorded};
use crate::store::NotRead;

/// What no consumer sees, or sees in another form.
const NOT_SHOWN: [&str; 8] = [
    "fingerprint",
    "requested_at",
    "reason_code",
    "source_topic",
    "source_partition",
    "source_offset",
    payment::BY_DEBTOR.key,
    payment::BY_CREDITOR.key,
];

/// Reads a payment with its outcome.
///
/// # Errors
/// [`NotRead`]: a newer version wrote it, or [`payment::decode`] can't read it.
pub fn payment(texts: &HashMap<String, String>, numbers: &HashMap<String, String>) -> Result<Recorded, NotRead> {
    let item = texts.iter().map(|(name, text)| (name.clone(), s(text)));
    let item: Item = item.chain(numbers.iter().map(|(name, digits)| (name.clone(), n(digits)))).collect();
    let read = if is_newer(&item) {
        newer(&item, texts, numbers).map(|newer| Err(NotRead::Newer(Box::new(newer))))
    } else {
        payment::decode(&item).map(Ok)
    };
    read.unwrap_or_else(|expected| Err(NotRead::Damaged(expected)))
}

/// Whether the item has a kind, or a reason, that this version doesn't know.
fn is_newer(item: &Item) -> bool {
    let is_known = |name: &str| Decline::from_name(name).is_some();
    item.contains_key("kind") || optional_text(item, "reason_code").is_ok_and(|name| !name.is_none_or(is_known))
}

fn newer(
    item: &Item,
    texts: &HashMap<String, String>,
    numbers: &HashMap<String, String>,
) -> Result<NewerOutcome, String> {
    for always in ["status", payment::DECIDED_AT] {
        super::text(item, always)?;
    }
    let is_shown = |name: &&String| !NOT_SHOWN.contains(&name.as_str());
    let number = |(name, digits): (&String, &String)| {
        let number = digits.parse().map_err(|_| format!("{name}: expected a whole number (N) in range"));
        number.map(|number| (name.clone(), number))
    };
    let texts = texts.iter().filter(|(name, _)| is_shown(name));
    Ok(NewerOutcome {
        id: parsed(item, payment::KEY, PaymentId::try_stored)?,
        reason: optional_text(item, "reason_code")?.map(Into::into),
        source: source(item)?,
        texts: texts.map(|(name, text)| (name.clone(), text.clone())).collect(),
        numbers: numbers.iter().filter(|(name, _)| is_shown(name)).map(number).collect::<Result<_, String>>()?,
    })
}

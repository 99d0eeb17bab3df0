//! What: Reads items from a table's stream, which gives their attributes that are text or numbers.
//!
//! Data: Takes texts and numbers by name, without DynamoDB's types, so that neither the event's reader nor the handler
//! needs them. Gives what the codec of the item reads.

use std::collections::HashMap;

use super::{Item, n, payment, s};
use crate::domain::Recorded;

/// Reads a payment with its outcome.
///
/// # Errors
/// As [`payment::decode`].
pub fn payment(texts: &HashMap<String, String>, numbers: &HashMap<String, String>) -> Result<Recorded, String> {
    let texts = texts.iter().map(|(name, text)| (name.clone(), s(text)));
    let numbers = numbers.iter().map(|(name, digits)| (name.clone(), n(digits)));
    payment::decode(&texts.chain(numbers).collect::<Item>())
}

//! What: Reads items for the audit: what they hold, or that they can't be read.

use super::{Item, account, accounts_table, dead_letter, lane, legs, payment, payments_table, refund_total};
use crate::store::{ScannedItem, Table};

/// Reads an item of a table. It is total: an item that can't be read is reported as such.
#[must_use]
pub fn surveyed(table: Table, item: &Item) -> ScannedItem {
    let (key, read) = match table {
        Table::Accounts if lane::is_lane(item) => (accounts_table::KEY, lane::decode(item).map(ScannedItem::Lane)),
        Table::Accounts => (accounts_table::KEY, account::decode(item).map(ScannedItem::Account)),
        Table::Payments if legs::is_leg(item) => (payments_table::KEY, legs::decode_leg(item).map(ScannedItem::Leg)),
        Table::Payments => {
            (payments_table::KEY, payment::decode(item).map(|recorded| ScannedItem::Payment(Box::new(recorded))))
        }
        Table::Refunds => {
            let read = refund_total::decode_with_key(item);
            (refund_total::KEY, read.map(|(id, sum)| ScannedItem::RefundSum(id, sum)))
        }
        Table::DeadLetters => (dead_letter::KEY, letter_part(item)),
    };
    read.unwrap_or_else(|expected| {
        let key = item.get(key).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
        ScannedItem::Unreadable { key, expected }
    })
}

/// Reads a part of a dead letter. Most dead letters have one part, which is read whole. Of a longer dead letter only
/// the number of the part is read.
fn letter_part(item: &Item) -> Result<ScannedItem, String> {
    let (letter, part) = dead_letter::place(item)?;
    let count = if part == 0 { Some(dead_letter::parts(item)?) } else { None };
    if count == Some(1) {
        dead_letter::decode(std::slice::from_ref(item))?;
    }
    Ok(ScannedItem::DeadLetterPart { letter, part, count })
}

//! What: Takes what scans of accounts and of dead letters show, for both audits.

use crate::domain::audit::{Books, Finding, Letters};
use crate::store::{ScannedItem, Table};

/// Takes an item of the accounts table.
pub(super) fn take_account(books: &mut Books, item: ScannedItem) {
    match item {
        ScannedItem::Account(account) => books.account(account),
        ScannedItem::Lane(lane) => books.lane(lane),
        ScannedItem::Unreadable { key, expected } => books.unread(key, expected),
        ScannedItem::Payment(_)
        | ScannedItem::Leg(_)
        | ScannedItem::RefundSum(..)
        | ScannedItem::DeadLetterPart { .. } => {}
    }
}

/// Takes an item of the dead letters. `unreadable` gets a finding for one that can't be read.
pub(super) fn take_letter(letters: &mut Letters, unreadable: &mut Vec<Finding>, item: ScannedItem) {
    match item {
        ScannedItem::DeadLetterPart { letter, part, count } => letters.part(letter, part, count),
        ScannedItem::Unreadable { key, expected } => {
            unreadable.push(Finding::Unreadable { table: Table::DeadLetters.name(), key, expected });
        }
        ScannedItem::Account(_)
        | ScannedItem::Lane(_)
        | ScannedItem::Payment(_)
        | ScannedItem::Leg(_)
        | ScannedItem::RefundSum(..) => {}
    }
}

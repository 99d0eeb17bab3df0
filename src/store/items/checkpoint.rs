//! What: The item of a checkpoint. It is in the table `checkpoints`, written once and never changed.
//!
//! Invariants: `chain` is the digest of all that the item says. An item whose chain doesn't fit is one that can't be
//! read.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::conditional::Conditional;
use super::{Item, n, number, optional_number, optional_parsed, parsed, s};
use crate::domain::audit::{Checkpoint, Digest, WindowUse};
use crate::domain::limits::Used;
use crate::domain::{AccountId, Currency, Period, Timestamp};

/// The partition key.
pub const KEY: &str = "account_id";

/// The sort key.
pub const AS_OF: &str = "as_of";

/// The condition under which a checkpoint may be written.
const IS_NEW: &str = "attribute_not_exists(account_id)";

const CHAIN: &str = "chain";

/// The key of a checkpoint.
#[must_use]
pub fn key(account: &AccountId, as_of: Timestamp) -> Item {
    Item::from([(KEY.into(), s(account)), (AS_OF.into(), s(as_of))])
}

/// Writes a checkpoint.
#[must_use]
pub fn encode(checkpoint: &Checkpoint) -> Item {
    let mut item = made(checkpoint);
    item.insert(CHAIN.into(), s(checkpoint.chain()));
    item
}

/// Writes all that a checkpoint says, without its chain.
pub(super) fn made(checkpoint: &Checkpoint) -> Item {
    let mut item = key(&checkpoint.account, checkpoint.as_of);
    item.insert("currency".into(), s(checkpoint.currency));
    item.insert("balance".into(), n(checkpoint.balance));
    item.insert("postings".into(), n(checkpoint.postings));
    item.insert("postings_digest".into(), s(checkpoint.digest));
    for (period, window) in Period::ALL.into_iter().zip(checkpoint.windows) {
        let Some(WindowUse { since, used }) = window else { continue };
        item.insert(format!("{period}_since"), n(since));
        if let Some(Used { start, amount, count }) = used {
            item.insert(format!("{period}_start"), s(start));
            item.insert(format!("{period}_amount"), n(amount));
            item.insert(format!("{period}_count"), n(count));
        }
    }
    item.extend(checkpoint.previous.map(|previous| ("previous".into(), s(previous))));
    item
}

/// The write of a checkpoint in a transaction.
///
/// # Errors
/// If the action can't be built.
pub fn put(checkpoint: &Checkpoint, table: &str) -> Result<TransactWriteItem, BuildError> {
    Conditional::on(table).and(IS_NEW).put(encode(checkpoint))
}

/// Reads a checkpoint.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<Checkpoint, String> {
    let checkpoint = read_made(item, AS_OF)?;
    match digest(item, CHAIN)? == checkpoint.chain() {
        true => Ok(checkpoint),
        false => Err(format!("{CHAIN}: expected the digest of all that the item says")),
    }
}

/// Reads all that a checkpoint says, but for its chain. The attribute `as_of` holds its time.
pub(super) fn read_made(item: &Item, as_of: &str) -> Result<Checkpoint, String> {
    let mut windows = [None; 3];
    for (window, period) in windows.iter_mut().zip(Period::ALL) {
        let Some(since) = optional_number(item, &format!("{period}_since"))? else { continue };
        let start = optional_parsed(item, &format!("{period}_start"), Timestamp::parse)?;
        let used = |start| {
            let count = number(item, &format!("{period}_count"))?;
            Ok::<_, String>(Used { start, amount: number(item, &format!("{period}_amount"))?, count })
        };
        *window = Some(WindowUse { since, used: start.map(used).transpose()? });
    }
    Ok(Checkpoint {
        account: parsed(item, KEY, AccountId::try_stored)?,
        as_of: parsed(item, as_of, Timestamp::parse)?,
        currency: parsed(item, "currency", Currency::try_new)?,
        balance: number(item, "balance")?,
        postings: number(item, "postings")?,
        digest: digest(item, "postings_digest")?,
        windows,
        previous: optional_parsed(item, "previous", read_digest)?,
    })
}

pub(super) fn digest(item: &Item, name: &str) -> Result<Digest, String> {
    parsed(item, name, read_digest)
}

fn read_digest(text: &str) -> Result<Digest, &'static str> {
    Digest::parse(text).ok_or("expected 64 hexadecimal digits")
}

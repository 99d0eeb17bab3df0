//! What: Translates DynamoDB's errors and cancellation reasons into the words of the port.
//!
//! | DynamoDB says | the port says |
//! |---|---|
//! | `ProvisionedThroughputExceeded`, `ThrottlingError`, `ThrottlingException`, `RequestLimitExceeded` | throttled |
//! | `TransactionConflict`, `TransactionInProgress` | conflict |
//! | `ValidationError` or `ValidationException` about the stored item: the type of an operand, a missing attribute | corrupt: damaged data |
//! | any other `ValidationError` or `ValidationException`, `ItemCollectionSizeLimitExceeded`, `SerializationException`, HTTP 413 | rejected: this code built it wrong, or too large |
//! | `ResourceNotFoundException` | no table |
//! | anything else, or no answer | unavailable: it may or may not have happened |
//!
//! A role without a permission and a disabled key are unavailable: a running deployment or an administrator mends them,
//! and then the same request succeeds. The same is true of a table that doesn't exist.
//!
//! Invariants: Texts name operation, code and tables. DynamoDB's own text about a validation is left out, because it
//! may hold values.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::CancellationReason;

use super::decode::read;
use crate::aws::in_words;
use crate::domain::plan::Transaction;
use crate::store::items::Item;
use crate::store::{Cancelled, CancelledCommand, NewHead, Proved, Read, StoreError, items};

/// The operation whose cancellation reasons are read item by item.
const WRITE: &str = "TransactWriteItems";

/// A head, and its checkpoint.
pub(super) const ITEMS_A_HEAD: usize = 2;

/// DynamoDB's error for a table that doesn't exist. If the request names several tables, it doesn't say which.
const NO_TABLE: &str = "ResourceNotFoundException";

/// The HTTP status of a request that is too large to be read.
const PAYLOAD_TOO_LARGE: u16 = 413;

/// How DynamoDB's text begins if an expression doesn't fit the stored item. Then the item is wrong, not the request.
const OF_THE_ITEM: [&str; 2] = [
    "An operand in the update expression has an incorrect data type",
    "The provided expression refers to an attribute that does not exist in the item",
];

/// The error of a call that failed as a whole.
pub(super) fn store_error<E: ProvideErrorMetadata>(operation: &str, tables: &str, error: &SdkError<E>) -> StoreError {
    let Some(code) = error.code() else {
        let too_large = error.raw_response().is_some_and(|response| response.status().as_u16() == PAYLOAD_TOO_LARGE);
        return match too_large {
            true => StoreError::Rejected(format!("{operation} on {tables}: HTTP {PAYLOAD_TOO_LARGE}")),
            false => StoreError::Unavailable(format!("{operation}: {}", in_words(error))),
        };
    };
    if code == NO_TABLE {
        return StoreError::NoTable(tables.replace(", ", ", or no table "));
    }
    of_code(code, format!("{operation} on {tables}: {code}"), error.message())
}

fn of_code(code: &str, text: String, message: Option<&str>) -> StoreError {
    match code {
        "TransactionConflict" | "TransactionConflictException" | "TransactionInProgressException" => {
            StoreError::Conflict
        }
        "ProvisionedThroughputExceeded"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingError"
        | "ThrottlingException"
        | "Throttling" => StoreError::Throttled(text),
        "ValidationError" | "ValidationException" if message.is_some_and(is_of_the_item) => StoreError::Corrupt(text),
        "ValidationError"
        | "ValidationException"
        | "ItemCollectionSizeLimitExceeded"
        | "ItemCollectionSizeLimitExceededException"
        | "SerializationException" => StoreError::Rejected(text),
        _ => StoreError::Unavailable(match message {
            Some(message) => format!("{text}: {message}"),
            None => text,
        }),
    }
}

fn is_of_the_item(message: &str) -> bool {
    OF_THE_ITEM.iter().any(|begins| message.contains(begins))
}

/// Why one action of a cancelled transaction failed, other than by its condition. DynamoDB's own text may hold values,
/// so it is left out.
fn of_reason(operation: &str, code: &str, reason: &CancellationReason) -> StoreError {
    of_code(code, format!("{operation}: {code}"), reason.message().filter(|message| is_of_the_item(message)))
}

/// What an action of a transaction writes, by its index there.
#[derive(Debug, Clone, Copy)]
enum Action {
    Entry(usize),
    /// A further leg of an entry, by the index of the entry.
    Leg(usize),
    Account(usize),
    Lane(usize),
    Total(usize),
}

/// The actions of a transaction, in their order.
fn actions(transaction: &Transaction<'_>) -> impl Iterator<Item = Action> {
    let entries = (0..transaction.entries.len()).map(Action::Entry);
    let updates = transaction.updates.iter().enumerate().map(|(ix, update)| match update.lane {
        None => Action::Account(ix),
        Some(_) => Action::Lane(ix),
    });
    let legs = transaction.entries.iter().enumerate();
    let legs = legs.flat_map(|(ix, entry)| std::iter::repeat_n(Action::Leg(ix), entry.further.len()));
    entries.chain(legs).chain(updates).chain((0..transaction.totals.len()).map(Action::Total))
}

/// Why a transaction was cancelled. `reasons` are in the order of its actions, its entries first.
pub(super) fn cancelled(transaction: &Transaction<'_>, reasons: &[CancellationReason]) -> Cancelled {
    let mut cancelled = Cancelled::default();
    for (action, reason) in actions(transaction).zip(reasons) {
        match reason.code().unwrap_or("None") {
            "None" => {}
            "ConditionalCheckFailed" => condition_failed(&mut cancelled, action, reason.item.as_ref()),
            code => failed(&mut cancelled, action, of_reason(WRITE, code, reason)),
        }
    }
    if cancelled == Cancelled::default() {
        cancelled.transient = Some(without_a_reason());
    }
    cancelled
}

/// The condition of an action failed on this item.
fn condition_failed(cancelled: &mut Cancelled, action: Action, item: Option<&Item>) {
    match action {
        Action::Entry(ix) => {
            let stored = item.ok_or_else(|| "payment: expected the item that is there".to_owned());
            cancelled.duplicates.push((ix, stored.and_then(items::payment::decode)));
        }
        // Beside its payment it is there too. Without it, somebody else wrote it. If its payment was busy, that isn't
        // told.
        Action::Leg(ix) => {
            let is_told = cancelled.transient.is_none() && cancelled.rejected.is_none();
            if is_told && cancelled.duplicates.iter().all(|(entry, _)| *entry != ix) {
                cancelled.duplicates.push((ix, Err("payment: expected no item of a leg without it".to_owned())));
            }
        }
        Action::Account(ix) => cancelled.accounts.push((ix, read(items::account::decode, item))),
        Action::Lane(ix) => cancelled.lanes.push((ix, read(items::lane::decode, item))),
        Action::Total(ix) => cancelled.totals.push((ix, read(items::refund_total::decode, item))),
    }
}

/// An action failed for another reason than its condition.
fn failed(cancelled: &mut Cancelled, action: Action, error: StoreError) {
    match (error, action) {
        (StoreError::Rejected(why), action) => {
            let rejected = cancelled.rejected.get_or_insert_default();
            rejected.why = why;
            match action {
                Action::Entry(ix) | Action::Leg(ix) => rejected.entries.push(ix),
                Action::Account(ix) | Action::Lane(ix) => rejected.updates.push(ix),
                Action::Total(ix) => rejected.totals.push(ix),
            }
        }
        (StoreError::Corrupt(text), Action::Entry(ix) | Action::Leg(ix)) => cancelled.duplicates.push((ix, Err(text))),
        (StoreError::Corrupt(text), Action::Account(ix)) => cancelled.accounts.push((ix, Read::Corrupt(text))),
        (StoreError::Corrupt(text), Action::Lane(ix)) => cancelled.lanes.push((ix, Read::Corrupt(text))),
        (StoreError::Corrupt(text), Action::Total(ix)) => cancelled.totals.push((ix, Read::Corrupt(text))),
        (transient, action) => {
            if let (StoreError::Conflict, Action::Account(ix) | Action::Lane(ix)) = (&transient, action) {
                cancelled.busy.push(ix);
            }
            cancelled.transient = Some(transient);
        }
    }
}

/// Why a step of a command was cancelled. `reasons` are about its record, then about the main item if the step is
/// `on_account`, then about its lanes.
///
/// # Errors
/// [`StoreError::Rejected`] if the store refuses a part of the step, unless the command already has its record.
pub(super) fn cancelled_command(
    reasons: &[CancellationReason],
    on_account: bool,
) -> Result<CancelledCommand, StoreError> {
    let mut cancelled = CancelledCommand::default();
    let mut rejected = None;
    for (ix, reason) in reasons.iter().enumerate() {
        match (reason.code().unwrap_or("None"), ix) {
            ("None", _) => {}
            ("ConditionalCheckFailed", 0) => {
                let stored = reason.item.as_ref().ok_or_else(|| "command: expected the item that is there".to_owned());
                cancelled.duplicate = Some(stored.and_then(items::account_command::decode));
            }
            ("ConditionalCheckFailed", 1) if on_account => {
                cancelled.account = Some(read(items::account::decode, reason.item.as_ref()));
            }
            ("ConditionalCheckFailed", _) => cancelled.lanes = true,
            (code, ix) => match (of_reason(WRITE, code, reason), ix) {
                (error @ StoreError::Rejected(_), _) => rejected = Some(error),
                (StoreError::Corrupt(text), 0) => cancelled.duplicate = Some(Err(text)),
                (StoreError::Corrupt(text), _) => cancelled.account = Some(Read::Corrupt(text)),
                (transient, _) => cancelled.transient = Some(transient),
            },
        }
    }
    if let Some(rejected) = rejected.filter(|_| cancelled.duplicate.is_none()) {
        return Err(rejected);
    }
    if cancelled == CancelledCommand::default() {
        cancelled.transient = Some(without_a_reason());
    }
    Ok(cancelled)
}

/// What became of heads, as their transaction was cancelled. `reasons` are about each head and its checkpoint.
///
/// # Errors
/// Why a head was not written, if none is there or overtaken.
pub(super) fn proved(heads: &[NewHead<'_>], reasons: &[CancellationReason]) -> Result<Vec<Proved>, StoreError> {
    let mut failed = None;
    let one = |(new, reasons): (&NewHead<'_>, &[CancellationReason])| {
        // After a lost answer it may be there already.
        let there = reasons.first().and_then(|reason| reason.item());
        if there.is_some_and(|item| items::audit_head::seal(item) == Ok(new.head.seal())) {
            return Proved::Written;
        }
        let mut answer = Proved::Unwritten;
        for reason in reasons {
            match reason.code().unwrap_or("None") {
                "None" => {}
                "ConditionalCheckFailed" => answer = Proved::Overtaken,
                code => {
                    failed = Some(of_reason(WRITE, code, reason));
                    return Proved::Unwritten;
                }
            }
        }
        answer
    };
    let answers: Vec<Proved> = heads.iter().zip(reasons.chunks(ITEMS_A_HEAD)).map(one).collect();
    // An error of one head says nothing of the others. Those that are asked for again learn it, if it stays.
    match answers.iter().all(|answer| *answer == Proved::Unwritten) || answers.len() < heads.len() {
        true => Err(failed.unwrap_or_else(without_a_reason)),
        false => Ok(answers),
    }
}

/// Cancelled without a reason that this version knows: nothing was learned, so wait and try again.
fn without_a_reason() -> StoreError {
    StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into())
}

#[cfg(test)]
mod tests;

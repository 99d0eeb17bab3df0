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
use crate::store::{Cancelled, CancelledCommand, Read, StoreError, items};

/// The operation whose cancellation reasons are read item by item.
const WRITE: &str = "TransactWriteItems";

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

/// Why a transaction was cancelled. `reasons` are in the order of its actions, its entries first.
pub(super) fn cancelled(transaction: &Transaction<'_>, reasons: &[CancellationReason]) -> Cancelled {
    let mut cancelled = Cancelled::default();
    for (ix, reason) in reasons.iter().enumerate() {
        let update = ix.checked_sub(transaction.entries.len());
        match (reason.code().unwrap_or("None"), update) {
            ("None", _) => {}
            ("ConditionalCheckFailed", None) => {
                let stored = reason.item.as_ref().ok_or_else(|| "payment: expected the item that is there".to_owned());
                cancelled.duplicates.push((ix, stored.and_then(items::payment::decode)));
            }
            ("ConditionalCheckFailed", Some(update)) => {
                let item = reason.item.as_ref();
                if is_lane(transaction, update) {
                    cancelled.lanes.push((update, read(items::lane::decode, item)));
                } else {
                    cancelled.accounts.push((update, read(items::account::decode, item)));
                }
            }
            (code, update) => match (of_reason(WRITE, code, reason), update) {
                (StoreError::Rejected(why), update) => {
                    let rejected = cancelled.rejected.get_or_insert_default();
                    rejected.why = why;
                    match update {
                        None => rejected.entries.push(ix),
                        Some(update) => rejected.updates.push(update),
                    }
                }
                (StoreError::Corrupt(text), None) => cancelled.duplicates.push((ix, Err(text))),
                (StoreError::Corrupt(text), Some(update)) if is_lane(transaction, update) => {
                    cancelled.lanes.push((update, Read::Corrupt(text)));
                }
                (StoreError::Corrupt(text), Some(update)) => cancelled.accounts.push((update, Read::Corrupt(text))),
                (transient, update) => {
                    cancelled.busy.extend(update.filter(|_| transient == StoreError::Conflict));
                    cancelled.transient = Some(transient);
                }
            },
        }
    }
    // Cancelled without a reason that this version knows: nothing was learned, so wait and try again.
    if cancelled == Cancelled::default() {
        cancelled.transient = Some(StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into()));
    }
    cancelled
}

fn is_lane(transaction: &Transaction<'_>, update: usize) -> bool {
    transaction.updates.get(update).is_some_and(|update| update.lane.is_some())
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
    // Cancelled without a reason that this version knows: nothing was learned, so wait and try again.
    if cancelled == CancelledCommand::default() {
        cancelled.transient = Some(StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into()));
    }
    Ok(cancelled)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::builders::CancellationReasonBuilder;

    use super::*;
    use crate::domain::plan::{AccountUpdate, Entry};
    use crate::domain::{Amount, Currency, Instruction, Payment, Request, Source, Timestamp};
    use crate::store::Rejected;

    #[test]
    fn each_code_has_its_word() {
        type Word = fn(String) -> StoreError;
        let conflict = |_: String| StoreError::Conflict;
        let words: [(&[&str], Word); 4] = [
            (&["TransactionConflict", "TransactionConflictException", "TransactionInProgressException"], conflict),
            (
                &[
                    "ProvisionedThroughputExceeded",
                    "ProvisionedThroughputExceededException",
                    "RequestLimitExceeded",
                    "ThrottlingError",
                    "ThrottlingException",
                    "Throttling",
                ],
                StoreError::Throttled,
            ),
            (
                &[
                    "ValidationError",
                    "ValidationException",
                    "ItemCollectionSizeLimitExceeded",
                    "ItemCollectionSizeLimitExceededException",
                    "SerializationException",
                ],
                StoreError::Rejected,
            ),
            (
                &["InternalServerError", "AccessDeniedException", "ExpiredTokenException", "NewInThisYear"],
                StoreError::Unavailable,
            ),
        ];
        for (codes, word) in words {
            for code in codes {
                assert_eq!(of_code(code, "PutItem".into(), None), word("PutItem".into()), "{code}");
            }
        }
        // DynamoDB's text about a validation may hold values.
        assert_eq!(of_code("ValidationError", "a".into(), Some("balance 7")), StoreError::Rejected("a".into()));
        // The stored item is wrong, not the request.
        for message in OF_THE_ITEM {
            assert_eq!(of_code("ValidationException", "a".into(), Some(message)), StoreError::Corrupt("a".into()));
        }
        assert_eq!(of_code("Other", "a".into(), Some("b")), StoreError::Unavailable("a: b".into()));
    }

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    fn text(code: &str) -> String {
        format!("TransactWriteItems: {code}")
    }

    const NONE: &str = "None";
    const FAILED: &str = "ConditionalCheckFailed";
    const CONFLICT: &str = "TransactionConflict";
    const THROTTLED: &str = "ThrottlingError";
    const INVALID: &str = "ValidationError";

    /// A payment, a main item and a lane: every reason goes to its item.
    #[test]
    fn reasons_go_to_the_items_that_they_are_of() {
        let eur = Currency::try_new("EUR").unwrap();
        let instruction = Instruction::Payment(Payment {
            id: "p".parse().unwrap(),
            debtor: "alice".parse().unwrap(),
            creditor: "shop".parse().unwrap(),
            amount: Amount::try_new(1).unwrap(),
            currency: eur,
            reference: None,
            requested_at: None,
        });
        let request = Request { instruction, source: Source { topic: "t".into(), partition: 0, offset: 0 } };
        let update = |account: &str, lane| AccountUpdate {
            account: account.parse().unwrap(),
            lane,
            net: 0,
            currency: eur,
            overdraft_limit: None,
            balance_min: None,
            balance_max: None,
            version: None,
        };
        let transaction = Transaction {
            entries: vec![Entry { request: &request, decision: Ok(()), debtor_lane: None, creditor_lane: Some(0) }],
            updates: vec![update("alice", None), update("shop", Some(0))],
            decided_at: Timestamp::EPOCH,
        };
        let check = |codes: [&str; 3], expected: Cancelled| {
            assert_eq!(cancelled(&transaction, &reasons(&codes)), expected, "{codes:?}");
        };
        let nothing = Cancelled::default;
        let conflict = |busy| Cancelled { busy, transient: Some(StoreError::Conflict), ..Cancelled::default() };
        let unavailable = |text: &str| Some(StoreError::Unavailable(text.into()));

        let gone = vec![(0, Err("payment: expected the item that is there".into()))];
        check([FAILED, NONE, NONE], Cancelled { duplicates: gone, ..nothing() });
        check([NONE, FAILED, NONE], Cancelled { accounts: vec![(0, Read::Missing)], ..nothing() });
        check([NONE, NONE, FAILED], Cancelled { lanes: vec![(1, Read::Missing)], ..nothing() });

        check([CONFLICT, NONE, NONE], conflict(vec![]));
        check([NONE, CONFLICT, NONE], conflict(vec![0]));
        check([NONE, CONFLICT, CONFLICT], conflict(vec![0, 1]));
        // Only a conflict says that somebody holds the item.
        let throttled = Some(StoreError::Throttled(text(THROTTLED)));
        check([NONE, THROTTLED, NONE], Cancelled { transient: throttled, ..nothing() });

        let rejected = |entries: &[usize], updates: &[usize]| Cancelled {
            rejected: Some(Rejected { entries: entries.into(), updates: updates.into(), why: text(INVALID) }),
            ..Cancelled::default()
        };
        check([INVALID, NONE, NONE], rejected(&[0], &[]));
        check([NONE, INVALID, NONE], rejected(&[], &[0]));
        check([INVALID, NONE, INVALID], rejected(&[0], &[1]));
        check([CONFLICT, INVALID, NONE], Cancelled { transient: Some(StoreError::Conflict), ..rejected(&[], &[0]) });
        // The stored item doesn't fit the expression: the data is wrong, not the request.
        let misfit = |place: usize| {
            let one = |ix| CancellationReason::builder().code(if ix == place { INVALID } else { NONE });
            let message = |ix, reason: CancellationReasonBuilder| match ix == place {
                true => reason.message(OF_THE_ITEM[0]).build(),
                false => reason.build(),
            };
            cancelled(&transaction, &(0..3).map(|ix| message(ix, one(ix))).collect::<Vec<_>>())
        };
        let corrupt = || Read::Corrupt(text(INVALID));
        assert_eq!(misfit(1), Cancelled { accounts: vec![(0, corrupt())], ..nothing() });
        assert_eq!(misfit(2), Cancelled { lanes: vec![(1, Read::Corrupt(text(INVALID)))], ..nothing() });

        check([NONE, NONE, "New"], Cancelled { transient: unavailable("TransactWriteItems: New"), ..nothing() });
        let silent = unavailable("TransactWriteItems: cancelled without a reason");
        check([NONE, NONE, NONE], Cancelled { transient: silent, ..nothing() });
    }

    /// The record comes first, then the main item if the step changes it, then lanes.
    #[test]
    fn reasons_of_a_command_go_to_record_account_and_lanes() {
        let check = |on_account, codes: &[&str], expected: CancelledCommand| {
            assert_eq!(cancelled_command(&reasons(codes), on_account), Ok(expected), "{on_account} {codes:?}");
        };
        let nothing = CancelledCommand::default;
        let transient = |error| CancelledCommand { transient: Some(error), ..CancelledCommand::default() };
        let gone = Some(Err("command: expected the item that is there".into()));
        check(true, &[FAILED, NONE, NONE], CancelledCommand { duplicate: gone, ..nothing() });
        check(true, &[NONE, FAILED, NONE], CancelledCommand { account: Some(Read::Missing), ..nothing() });
        check(true, &[NONE, NONE, FAILED], CancelledCommand { lanes: true, ..nothing() });
        check(false, &[NONE, FAILED], CancelledCommand { lanes: true, ..nothing() });
        check(true, &[NONE, CONFLICT], transient(StoreError::Conflict));
        check(false, &[THROTTLED, NONE], transient(StoreError::Throttled(text(THROTTLED))));
        for codes in [[INVALID, NONE, NONE], [NONE, INVALID, NONE], [NONE, FAILED, INVALID], [INVALID, CONFLICT, NONE]]
        {
            let answer = cancelled_command(&reasons(&codes), true);
            assert_eq!(answer, Err(StoreError::Rejected(text(INVALID))), "{codes:?}");
        }
        // If a command has its record, the other writes don't matter.
        let gone = Some(Err("command: expected the item that is there".into()));
        check(true, &[FAILED, INVALID], CancelledCommand { duplicate: gone, ..nothing() });
        let misfit = CancellationReason::builder().code(INVALID).message(OF_THE_ITEM[1]).build();
        let account = Some(Read::Corrupt(text(INVALID)));
        let answer = cancelled_command(&[reasons(&[NONE])[0].clone(), misfit], true);
        assert_eq!(answer, Ok(CancelledCommand { account, ..nothing() }));
        let silent = StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into());
        check(true, &[NONE, NONE], transient(silent));
    }
}

//! DynamoDB's errors and cancellation reasons in the port's words.
//!
//! | DynamoDB says | the port says |
//! |---|---|
//! | `ProvisionedThroughputExceeded`, `ThrottlingError`, `ThrottlingException`, `RequestLimitExceeded` | throttled |
//! | `TransactionConflict`, `TransactionInProgress` | conflict |
//! | `ValidationError`, `ValidationException`, `ItemCollectionSizeLimitExceeded` | corrupt: asking again won't help |
//! | anything else, or nothing | unavailable: it may or may not have happened |
//!
//! Texts name operation, code and tables. What DynamoDB says about a validation is left out, since it may hold values.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::CancellationReason;

use super::read;
use crate::domain::plan::Transaction;
use crate::store::{Cancelled, CancelledCommand, Read, StoreError, items};

/// The fault of a call that failed as a whole.
pub(super) fn fault<E>(operation: &str, tables: &str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Some(code) = error.code() else {
        let detail = match error {
            SdkError::TimeoutError(_) => "no answer in time".to_owned(),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(cause) => format!("{}", DisplayErrorContext(cause)),
                None => "the request could not be sent".to_owned(),
            },
            SdkError::ConstructionFailure(_) => {
                "the request could not be built: are region and credentials set?".to_owned()
            }
            SdkError::ResponseError(_) | SdkError::ServiceError(_) | _ => {
                "the answer could not be understood".to_owned()
            }
        };
        return StoreError::Unavailable(format!("{operation}: {detail}"));
    };
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
        "ValidationError" | "ValidationException" | "ItemCollectionSizeLimitExceeded" | "SerializationException" => {
            StoreError::Corrupt(text)
        }
        _ => StoreError::Unavailable(match message {
            Some(message) => format!("{text}: {message}"),
            None => text,
        }),
    }
}

/// What stood in a transaction's way: `reasons` come in the order of its actions, its entries first.
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
            (code, update) => match (of_code(code, format!("TransactWriteItems: {code}"), None), update) {
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
    // Cancelled without a reason that this version knows: nothing was learned, so wait and ask again.
    if cancelled == Cancelled::default() {
        cancelled.transient = Some(StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into()));
    }
    cancelled
}

fn is_lane(transaction: &Transaction<'_>, update: usize) -> bool {
    transaction.updates.get(update).is_some_and(|update| update.lane.is_some())
}

/// Why a read of several items at one moment was cancelled, in one word: of several the one that a smaller read helps against
/// least, so a conflict only if there is nothing else.
pub(super) fn cancelled_read(reasons: &[CancellationReason]) -> StoreError {
    let codes = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None");
    let faults = codes.map(|code| of_code(code, format!("TransactGetItems: {code}"), None));
    let rank = |fault: &StoreError| match fault {
        StoreError::Corrupt(_) => 0,
        StoreError::Throttled(_) => 1,
        StoreError::Unavailable(_) => 2,
        StoreError::Conflict => 3,
    };
    let silent = || StoreError::Unavailable("TransactGetItems: cancelled without a reason".into());
    faults.min_by_key(rank).unwrap_or_else(silent)
}

/// What stood in the way of a command's step: of its record, then of the main item if the step is `on_account`, then of
/// its lanes.
pub(super) fn cancelled_command(reasons: &[CancellationReason], on_account: bool) -> CancelledCommand {
    let mut cancelled = CancelledCommand::default();
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
            (code, ix) => match (of_code(code, format!("TransactWriteItems: {code}"), None), ix) {
                (StoreError::Corrupt(text), 0) => cancelled.duplicate = Some(Err(text)),
                (StoreError::Corrupt(text), _) => cancelled.account = Some(Read::Corrupt(text)),
                (transient, _) => cancelled.transient = Some(transient),
            },
        }
    }
    // Cancelled without a reason that this version knows: nothing was learned, so wait and ask again.
    if cancelled == CancelledCommand::default() {
        cancelled.transient = Some(StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into()));
    }
    cancelled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::{AccountUpdate, Entry};
    use crate::domain::{Amount, Currency, Payment, Request, Source, Timestamp};

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
                    "SerializationException",
                ],
                StoreError::Corrupt,
            ),
            (&["InternalServerError", "ResourceNotFoundException", "NewInThisYear"], StoreError::Unavailable),
        ];
        for (codes, word) in words {
            for code in codes {
                assert_eq!(of_code(code, "PutItem".into(), None), word("PutItem".into()), "{code}");
            }
        }
        // What is said of a validation may hold values.
        assert_eq!(of_code("ValidationError", "a".into(), Some("balance 7")), StoreError::Corrupt("a".into()));
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

    /// A payment, a main item and a lane: every reason finds its place.
    #[test]
    fn reasons_go_to_the_items_that_they_are_of() {
        let eur = Currency::try_new("EUR").unwrap();
        let payment = Payment {
            id: "p".parse().unwrap(),
            debtor: "alice".parse().unwrap(),
            creditor: "shop".parse().unwrap(),
            amount: Amount::try_new(1).unwrap(),
            currency: eur,
            reference: None,
            requested_at: None,
        };
        let request = Request { payment, source: Source { topic: "t".into(), partition: 0, offset: 0 } };
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
            entries: vec![Entry { request: &request, verdict: Ok(()), creditor_lane: Some(0) }],
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
        // Only who holds an item is busy with it.
        let throttled = Some(StoreError::Throttled(text(THROTTLED)));
        check([NONE, THROTTLED, NONE], Cancelled { transient: throttled, ..nothing() });

        check([INVALID, NONE, NONE], Cancelled { duplicates: vec![(0, Err(text(INVALID)))], ..nothing() });
        let corrupt = || Read::Corrupt(text(INVALID));
        check([NONE, INVALID, NONE], Cancelled { accounts: vec![(0, corrupt())], ..nothing() });
        check([NONE, NONE, INVALID], Cancelled { lanes: vec![(1, Read::Corrupt(text(INVALID)))], ..nothing() });

        check([NONE, NONE, "New"], Cancelled { transient: unavailable("TransactWriteItems: New"), ..nothing() });
        let silent = unavailable("TransactWriteItems: cancelled without a reason");
        check([NONE, NONE, NONE], Cancelled { transient: silent, ..nothing() });
    }

    /// Asking in smaller parts helps against a conflict alone, so anything else comes first.
    #[test]
    fn a_read_is_cancelled_for_the_worst_of_its_reasons() {
        let text = |code: &str| format!("TransactGetItems: {code}");
        let check = |codes: &[&str], expected: StoreError| {
            assert_eq!(cancelled_read(&reasons(codes)), expected, "{codes:?}");
        };
        check(&[NONE, CONFLICT], StoreError::Conflict);
        check(&[CONFLICT, "New"], StoreError::Unavailable(text("New")));
        check(&[CONFLICT, THROTTLED, "New"], StoreError::Throttled(text(THROTTLED)));
        check(&[CONFLICT, THROTTLED, INVALID], StoreError::Corrupt(text(INVALID)));
        let silent = || StoreError::Unavailable("TransactGetItems: cancelled without a reason".into());
        check(&[NONE, NONE], silent());
        check(&[], silent());
    }

    /// The record first, then the main item where the step changes it, then lanes.
    #[test]
    fn reasons_of_a_command_go_to_record_account_and_lanes() {
        let check = |on_account, codes: &[&str], expected: CancelledCommand| {
            assert_eq!(cancelled_command(&reasons(codes), on_account), expected, "{on_account} {codes:?}");
        };
        let nothing = CancelledCommand::default;
        let transient = |fault| CancelledCommand { transient: Some(fault), ..CancelledCommand::default() };
        let gone = Some(Err("command: expected the item that is there".into()));
        check(true, &[FAILED, NONE, NONE], CancelledCommand { duplicate: gone, ..nothing() });
        check(true, &[NONE, FAILED, NONE], CancelledCommand { account: Some(Read::Missing), ..nothing() });
        check(true, &[NONE, NONE, FAILED], CancelledCommand { lanes: true, ..nothing() });
        check(false, &[NONE, FAILED], CancelledCommand { lanes: true, ..nothing() });
        check(true, &[NONE, CONFLICT], transient(StoreError::Conflict));
        check(false, &[THROTTLED, NONE], transient(StoreError::Throttled(text(THROTTLED))));
        check(true, &[INVALID, NONE], CancelledCommand { duplicate: Some(Err(text(INVALID))), ..nothing() });
        let corrupt = Some(Read::Corrupt(text(INVALID)));
        check(true, &[NONE, INVALID], CancelledCommand { account: corrupt, ..nothing() });
        let silent = StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into());
        check(true, &[NONE, NONE], transient(silent));
    }
}

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
use crate::store::{Cancelled, Read, StoreError, items};

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

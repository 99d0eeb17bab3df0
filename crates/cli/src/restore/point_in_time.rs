//! What: Restores tables to a point in time, and gives them what a restored table lacks: a stream, point-in-time
//! recovery and protection.
//!
//! Data: Takes a table and the name of the new one. Each step looks first at what is there, so it may be repeated.
//!
//! Limits: The engines on this machine restore nothing. Contributor Insights and tags are not restored.
//!
//! Source: DynamoDB developer guide, "Point-in-time recovery", and the API reference of `RestoreTableToPointInTime`.

use anyhow::anyhow;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::primitives::DateTime;
use aws_sdk_dynamodb::types::{
    PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, StreamSpecification, StreamViewType, TableDescription,
    TableStatus,
};

use crate::local::{LocalError, OrLocalError};
use giro::aws::in_words;
use giro::domain::Timestamp;

const NO_TABLE: &str = "ResourceNotFoundException";
/// What DynamoDB answers while an earlier change of the table is under way.
const IN_USE: &str = "ResourceInUseException";

/// A table as DynamoDB describes it. `None`: it isn't there.
async fn described(client: &Client, table: &str) -> Result<Option<TableDescription>, LocalError> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) if error.code() == Some(NO_TABLE) => Ok(None),
        Err(error) => Err(refused(table, &error)),
    }
}

/// What has the name of a restored table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// The table that is asked for, and when it was made. It may still be under way, or be in use since.
    AsAsked(Option<Timestamp>),
    /// A table of which DynamoDB doesn't say that it was restored.
    Untold,
    /// A table that was restored from another one, or to another second: from which, and to which.
    Other(String),
}

/// Looks whether a table has the name of the restored one, and whether it is the one that is asked for.
///
/// # Errors
/// If DynamoDB refuses, or can't be reached.
pub async fn look(client: &Client, from: &str, to: &str, at: Timestamp) -> Result<Found, LocalError> {
    Ok(described(client, to).await?.map_or(Found::Nothing, |there| told(&there, from, at)))
}

/// The second that a table was restored to. `None`: DynamoDB doesn't tell.
///
/// # Errors
/// If DynamoDB refuses, or can't be reached.
pub async fn second(client: &Client, table: &str) -> Result<Option<Timestamp>, LocalError> {
    let summary = described(client, table).await?.and_then(|there| there.restore_summary);
    let second = summary.and_then(|summary| summary.restore_date_time.to_millis().ok());
    Ok(second.and_then(|second| Timestamp::try_from_millis(second).ok()))
}

/// What DynamoDB tells of the origin of a table.
fn told(there: &TableDescription, from: &str, at: Timestamp) -> Found {
    let Some(summary) = &there.restore_summary else { return Found::Untold };
    let (of, second) = (summary.source_table_arn.as_deref().unwrap_or_default(), summary.restore_date_time.secs());
    // A restored table is in the account and the region of its source.
    let own = there.table_arn.as_deref().unwrap_or_default();
    let expected = own.rsplit_once('/').map(|(around, _)| format!("{around}/{from}"));
    let is_from = expected.as_deref() == Some(of);
    if is_from && second == DateTime::from_millis(at.millis()).secs() {
        let made = there.creation_date_time.and_then(|at| at.to_millis().ok());
        return Found::AsAsked(made.and_then(|at| Timestamp::try_from_millis(at).ok()));
    }
    let second = summary.restore_date_time.to_millis().ok().and_then(|at| Timestamp::try_from_millis(at).ok());
    let second = second.map_or_else(|| "a time that can't be read".to_owned(), |second| second.to_string());
    Found::Other(format!("from {of} to {second}"))
}

/// Begins to restore a table into a new one.
///
/// # Errors
/// If DynamoDB refuses: the table has no point-in-time recovery, or the time is out of its window.
pub async fn restore(client: &Client, from: &str, to: &str, at: Timestamp) -> Result<(), LocalError> {
    let restore = client.restore_table_to_point_in_time().source_table_name(from).target_table_name(to);
    let sent = restore.restore_date_time(DateTime::from_millis(at.millis())).send().await;
    sent.map(drop).map_err(|error| refused(from, &error))
}

/// Gives a restored table its protection, its recovery, and a stream if it needs one, one thing a call. Answers with
/// the ARN of the stream, and whether all is done. A table that is not ready is left for the next call.
///
/// # Errors
/// If DynamoDB refuses.
pub async fn protect(client: &Client, table: &str, has_stream: bool) -> Result<(Option<String>, bool), LocalError> {
    let Some(there) = described(client, table).await?.filter(|there| there.table_status == Some(TableStatus::Active))
    else {
        return Ok((None, false));
    };
    let is_protected = there.deletion_protection_enabled == Some(true);
    let streams = there.stream_specification.as_ref().is_some_and(|stream| stream.stream_enabled);
    if !is_protected || has_stream && !streams {
        let mut update = client.update_table().table_name(table).deletion_protection_enabled(true);
        if has_stream && !streams {
            let view = StreamViewType::NewImage;
            let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build();
            update = update.stream_specification(stream.or_asked()?);
        }
        under_way(table, update.send().await.map(drop))?;
        return Ok((None, false));
    }
    let recovery = client.describe_continuous_backups().table_name(table).send().await;
    let recovery = recovery.map_err(|error| refused(table, &error))?;
    let recovery = recovery.continuous_backups_description.and_then(|told| told.point_in_time_recovery_description);
    if recovery.and_then(|told| told.point_in_time_recovery_status) != Some(PointInTimeRecoveryStatus::Enabled) {
        let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().or_asked()?;
        let update = client.update_continuous_backups().table_name(table).point_in_time_recovery_specification(on);
        under_way(table, update.send().await.map(drop))?;
        return Ok((None, false));
    }
    Ok((there.latest_stream_arn, true))
}

/// A change that has to wait for an earlier one is sent again later.
fn under_way<E: ProvideErrorMetadata>(table: &str, sent: Result<(), SdkError<E>>) -> Result<(), LocalError> {
    match sent {
        Err(error) if error.code() == Some(IN_USE) => Ok(()),
        sent => sent.map_err(|error| refused(table, &error)),
    }
}

/// What DynamoDB refuses is asked wrongly. Where it gives no answer, it can't be reached.
fn refused<E: ProvideErrorMetadata>(table: &str, error: &SdkError<E>) -> LocalError {
    let text = anyhow!("DynamoDB, table {table}: {}", in_words(error));
    if error.code().is_some() { LocalError::Asked(text) } else { LocalError::Engine(text) }
}

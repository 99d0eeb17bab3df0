//! What: Writes tables to a folder as DynamoDB's full export to S3 writes them. The folder is the bucket.
//!
//! | module | what it is |
//! |---|---|
//! | [`data`] | compressed files of items |
//! | [`manifest`] | what an export says of its files |
//!
//! Data: Takes a table of any engine. Gives `NAME/AWSDynamoDB/ID/` with `_started`, manifests, and `data/*.json.gz`. A
//! line is `{"Item":{…}}`, in DynamoDB's JSON.
//!
//! Invariants: Memory holds a page of each segment, never a table. Manifests are written last: an export without them
//! did not come to its end.
//!
//! Limits: It scans, and each item is read at some time of its own. DynamoDB's own export is of one second. So a ledger
//! must be at rest. It writes no incremental exports: no engine on this machine knows when an item was written.
//!
//! Source: Amazon DynamoDB developer guide, "DynamoDB table export output format".

pub mod data;
pub mod manifest;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, TableDescription};
use futures_util::future::try_join_all;

use crate::local::LocalError;
use data::{DataFile, Items};
use giro::aws::in_words;
use giro::domain::Timestamp;
use manifest::Summary;

/// How many segments of a table are read side by side. Each writes files of its own.
const SEGMENTS: u16 = 4;

/// What was written of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its folder.
    pub folder: PathBuf,
    /// How many items.
    pub items: u64,
    /// In how many files.
    pub files: usize,
}

/// Writes a table below `to`, in a folder of this name.
///
/// # Errors
/// If the table can't be read, or a file can't be written.
pub async fn export(client: &Client, table: &str, name: &str, to: &Path) -> Result<Exported, LocalError> {
    let started = giro::handlers::clock::now();
    let described = client.describe_table().table_name(table).send().await;
    let described = described.map_err(|error| refused(table, &error))?.table;
    let id = format!("{:014}-{:08x}", started.millis(), fastrand::u32(..));
    let folder = to.join(name).join("AWSDynamoDB").join(&id);
    std::fs::create_dir_all(folder.join("data")).map_err(|error| unwritten(&folder, &error))?;
    std::fs::write(folder.join("_started"), "").map_err(|error| unwritten(&folder, &error))?;
    let segments = (0..SEGMENTS).map(|segment| written(client, table, segment, &folder));
    let files: Vec<DataFile> = try_join_all(segments).await?.into_iter().flatten().collect();
    let summary = summary(described, name, &id, started, &files);
    manifest::write(&folder, &summary, &files).map_err(|error| unwritten(&folder, &error))?;
    Ok(Exported { folder, items: summary.items, files: files.len() })
}

/// Writes a segment of a table. Gives its files.
async fn written(client: &Client, table: &str, segment: u16, folder: &Path) -> Result<Vec<DataFile>, LocalError> {
    let full = |error: io::Error| unwritten(folder, &error);
    let mut items = Items::below(folder.join("data")).map_err(full)?;
    let mut mark: Option<HashMap<String, AttributeValue>> = None;
    loop {
        let call = client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(mark);
        let page = call.segment(segment.into()).total_segments(SEGMENTS.into()).send().await;
        let page = page.map_err(|error| refused(table, &error))?;
        for item in page.items() {
            items.write(item).map_err(full)?;
        }
        match page.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(key) => mark = Some(key),
            None => return items.end().map_err(full),
        }
    }
}

fn summary(
    described: Option<TableDescription>,
    name: &str,
    id: &str,
    started: Timestamp,
    files: &[DataFile],
) -> Summary {
    let table = described.unwrap_or_else(|| TableDescription::builder().build());
    Summary {
        arn: table.table_arn.unwrap_or_default(),
        table_id: table.table_id.unwrap_or_default(),
        prefix: name.to_owned(),
        id: id.to_owned(),
        started,
        ended: giro::handlers::clock::now(),
        items: files.iter().map(|file| file.items).sum(),
        bytes: files.iter().map(|file| file.item_bytes).sum(),
    }
}

/// What DynamoDB refuses is asked wrongly. Where it gives no answer, it can't be reached.
fn refused<E: ProvideErrorMetadata>(table: &str, error: &SdkError<E>) -> LocalError {
    let text = anyhow!("DynamoDB, table {table}: {}", in_words(error));
    if error.code().is_some() { LocalError::Asked(text) } else { LocalError::Engine(text) }
}

fn unwritten(folder: &Path, error: &io::Error) -> LocalError {
    LocalError::Asked(anyhow!("{}: expected a folder that takes files: {error}", folder.display()))
}

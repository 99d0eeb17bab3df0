//! What: Writes tables to a folder as DynamoDB's full export to S3 writes them. The folder is the bucket.
//!
//! | module | what it is |
//! |---|---|
//! | [`data`] | compressed files of items |
//! | [`manifest`] | what an export says of its files |
//! | [`private`] | folders and files for their owner alone |
//!
//! Data: Takes a table of any engine. Gives `NAME/AWSDynamoDB/ID/` with `_started`, manifests, and `data/*.json.gz`. A
//! line is `{"Item":{…}}`, in DynamoDB's JSON.
//!
//! Invariants: Memory holds a page of each segment, never a table. Manifests are written last: an export without them
//! did not come to its end. All tables are told to be of the time at which the first began.
//!
//! Limits: It scans, and each item is read at some time of its own. DynamoDB's own export is of one second. So a ledger
//! must be at rest. It writes no incremental exports: no engine on this machine knows when an item was written.
//!
//! Source: Amazon DynamoDB developer guide, "DynamoDB table export output format".

pub mod data;
pub mod manifest;
pub mod private;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TableDescription};
use futures_util::future::try_join_all;
use tokio::sync::Mutex;

use crate::local::LocalError;
use data::{DataFile, Items};
use giro::audit::Pace;
use giro::aws::in_words;
use giro::domain::Timestamp;
use giro::store::dynamodb::milliunits;
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

/// An export of tables into one folder.
#[derive(Debug)]
pub struct Export {
    to: PathBuf,
    at: Timestamp,
    pace: Mutex<Pace>,
}

impl Export {
    /// Begins an export. It reads at most so many units a second, except for the pages in flight.
    #[must_use]
    pub fn begin(to: &Path, read_units: u32) -> Self {
        let pace = Mutex::new(Pace::per_second(read_units));
        Self { to: to.to_owned(), at: giro::handlers::clock::now(), pace }
    }

    /// Writes a table, in a folder of this name.
    ///
    /// # Errors
    /// If the table can't be read, or a file can't be written.
    pub async fn table(&self, client: &Client, table: &str, name: &str) -> Result<Exported, LocalError> {
        let started = giro::handlers::clock::now();
        let described = client.describe_table().table_name(table).send().await;
        let described = described.map_err(|error| refused(table, &error))?.table;
        let id = format!("{:014}-{:08x}", started.millis(), fastrand::u32(..));
        let folder = self.to.join(name).join("AWSDynamoDB").join(&id);
        private::folder(&folder.join("data")).map_err(|error| unwritten(&folder, &error))?;
        private::file(&folder.join("_started")).map_err(|error| unwritten(&folder, &error))?;
        let segments = (0..SEGMENTS).map(|segment| self.segment(client, table, segment, &folder));
        let files: Vec<DataFile> = try_join_all(segments).await?.into_iter().flatten().collect();
        let table = described.unwrap_or_else(|| TableDescription::builder().build());
        let summary = Summary {
            arn: table.table_arn.unwrap_or_default(),
            table_id: table.table_id.unwrap_or_default(),
            prefix: name.to_owned(),
            id,
            at: self.at,
            started,
            ended: giro::handlers::clock::now(),
            items: files.iter().map(|file| file.items).sum(),
            bytes: files.iter().map(|file| file.item_bytes).sum(),
        };
        manifest::write(&folder, &summary, &files).map_err(|error| unwritten(&folder, &error))?;
        Ok(Exported { folder, items: summary.items, files: files.len() })
    }

    /// Writes a segment of a table. Gives its files.
    async fn segment(
        &self,
        client: &Client,
        table: &str,
        segment: u16,
        folder: &Path,
    ) -> Result<Vec<DataFile>, LocalError> {
        let full = |error: io::Error| unwritten(folder, &error);
        let mut items = Items::below(folder.join("data")).map_err(full)?;
        let mut mark: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let ready = self.pace.lock().await.ready();
            tokio::time::sleep_until(ready).await;
            let call = client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(mark);
            let call = call.segment(segment.into()).total_segments(SEGMENTS.into());
            let page = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            let page = page.map_err(|error| refused(table, &error))?;
            self.pace.lock().await.take(page.consumed_capacity().map(milliunits).unwrap_or_default());
            for item in page.items() {
                items.write(item).map_err(full)?;
            }
            match page.last_evaluated_key.filter(|key| !key.is_empty()) {
                Some(key) => mark = Some(key),
                None => return items.end().map_err(full),
            }
        }
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

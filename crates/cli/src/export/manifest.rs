//! What: The manifests of an export: which files it has, and how much is in them.
//!
//! Data: `manifest-files.json` has a line for each file. `manifest-summary.json` is about all of them. Each has its
//! checksum beside it.
//!
//! Limits: There is no bucket, so its name and its encryption are null. Files have no tag of S3's, but their MD5.

use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::Timestamp;
use serde_json::{Value, json};

use super::data::DataFile;
use super::private;

/// What is said of an export as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The table.
    pub arn: String,
    /// The table's id.
    pub table_id: String,
    /// What the keys of all objects begin with.
    pub prefix: String,
    /// The export's id.
    pub id: String,
    /// The time that it is of. All tables of an export have the same.
    pub at: Timestamp,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How many items.
    pub items: u64,
    /// Their bytes, as DynamoDB counts them.
    pub bytes: u64,
}

impl Summary {
    fn key(&self, name: &str) -> String {
        format!("{}/AWSDynamoDB/{}/{name}", self.prefix, self.id)
    }

    fn file(&self, file: &DataFile) -> Value {
        json!({
            "itemCount": file.items,
            "md5Checksum": STANDARD.encode(file.md5),
            "etag": hexadecimal(&file.md5),
            "dataFileS3Key": self.key(&format!("data/{}", file.name)),
        })
    }

    fn whole(&self) -> Value {
        json!({
            "version": "2020-06-30",
            "exportArn": format!("{}/export/{}", self.arn, self.id),
            "startTime": self.started.to_string(),
            "endTime": self.ended.to_string(),
            "tableArn": self.arn,
            "tableId": self.table_id,
            "exportTime": self.at.to_string(),
            "s3Bucket": null,
            "s3Prefix": self.prefix,
            "s3SseAlgorithm": null,
            "s3SseKmsKeyId": null,
            "manifestFilesS3Key": self.key("manifest-files.json"),
            "billedSizeBytes": self.bytes,
            "itemCount": self.items,
            "outputFormat": "DYNAMODB_JSON",
        })
    }
}

/// Writes both manifests with their checksums. The summary comes last.
///
/// # Errors
/// If they can't be written.
pub fn write(folder: &Path, summary: &Summary, files: &[DataFile]) -> io::Result<()> {
    let lines: String = files.iter().map(|file| format!("{}\n", summary.file(file))).collect();
    for (name, text) in [("manifest-files", lines), ("manifest-summary", summary.whole().to_string())] {
        let checksum = STANDARD.encode(md5::compute(&text).0);
        private::file(&folder.join(format!("{name}.checksum")))?.write_all(checksum.as_bytes())?;
        private::file(&folder.join(format!("{name}.json")))?.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

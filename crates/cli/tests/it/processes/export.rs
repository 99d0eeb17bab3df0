//! `giro export`: what it writes, by the documented format, and what it refuses.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use giro_testkit::corruption::clean;
use giro_testkit::engine::Engine;
use serde_json::Value;

use super::cli::{command as giro, run};

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What others than the owner may read, of a folder and all in it.
fn open_to_others(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if std::fs::metadata(path).unwrap().permissions().mode() & 0o077 != 0 {
        found.push(path.to_owned());
    }
    if path.is_dir() {
        found.extend(std::fs::read_dir(path).unwrap().flat_map(|entry| open_to_others(&entry.unwrap().path())));
    }
    found
}

/// The folder of the one export of a table.
fn export_of(folder: &Path, table: &str) -> PathBuf {
    let exports = std::fs::read_dir(folder.join(table).join("AWSDynamoDB")).unwrap();
    let exports: Vec<PathBuf> = exports.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(exports.len(), 1);
    exports[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_as_dynamodb_documents_it() {
    let engine = Engine::start().await.unwrap();
    clean(&engine.ledger()).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["export", "--to", "ledger", "--dynamodb-endpoint", engine.endpoint()];
    let output = run(&mut giro(&arguments, folder.path()), b"");
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("13 items of accounts in 4 files"), "{said}");
    let ledger = folder.path().join("ledger");
    assert_eq!(open_to_others(&ledger), Vec::<PathBuf>::new());
    let mut times = BTreeSet::new();
    let mut tables: Vec<String> =
        std::fs::read_dir(&ledger).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    tables.sort();
    assert_eq!(tables, ["account-commands", "accounts", "dead-letters", "payments", "refunds"]);
    for (table, items) in
        [("accounts", 13), ("payments", 12), ("refunds", 2), ("dead-letters", 4), ("account-commands", 0)]
    {
        let export = export_of(&ledger, table);
        let summary = read(&export.join("manifest-summary.json"));
        assert_eq!(
            (&summary["itemCount"], &summary["outputFormat"]),
            (&items.into(), &"DYNAMODB_JSON".into()),
            "{table}"
        );
        times.insert(summary["exportTime"].as_str().unwrap().to_owned());
        assert!(export.join("_started").is_file());
        let id = export.file_name().unwrap().to_str().unwrap();
        assert_eq!(summary["manifestFilesS3Key"], format!("{table}/AWSDynamoDB/{id}/manifest-files.json"));
        let manifest = std::fs::read_to_string(export.join("manifest-files.json")).unwrap();
        let files: Vec<Value> = manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut count = 0;
        for file in &files {
            let path = ledger.join(file["dataFileS3Key"].as_str().unwrap());
            let lines = lines(&path);
            assert_eq!(file["itemCount"], lines.len());
            assert!(lines.iter().all(|line| line["Item"].is_object() && line.as_object().unwrap().len() == 1));
            count += lines.len();
        }
        assert_eq!((count, std::fs::read_dir(export.join("data")).unwrap().count()), (items, files.len()), "{table}");
    }
    assert_eq!(times.len(), 1, "all tables are of one time");
}

#[test]
fn tables_on_aws_must_be_at_rest() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&mut giro(&["--aws", "export", "--to", "ledger"], folder.path()), b"");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && complaint.contains("say --at-rest"), "{complaint}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_in_use_is_refused_and_one_table_may_be_named() {
    let engine = Engine::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["export", "--to", ".", "--table", "refunds", "--dynamodb-endpoint", engine.endpoint()];
    let output = run(&mut giro(&arguments, folder.path()), b"");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = run(&mut giro(&arguments, folder.path()), b"");
    let complaint = String::from_utf8(again.stderr).unwrap();
    assert_eq!(
        (again.status.code(), complaint.trim_end()),
        (Some(2), "giro: --to .: expected a new or an empty folder")
    );
    let arguments = ["export", "--to", "new", "--table", "rooms", "--dynamodb-endpoint", engine.endpoint()];
    assert_eq!(run(&mut giro(&arguments, folder.path()), b"").status.code(), Some(2));
    let arguments = ["export", "--to", "new", "--accounts-table", "gone", "--dynamodb-endpoint", engine.endpoint()];
    let missing = run(&mut giro(&arguments, folder.path()), b"");
    let complaint = String::from_utf8(missing.stderr).unwrap();
    assert!(missing.status.code() == Some(2) && complaint.contains("table gone"), "{complaint}");
}

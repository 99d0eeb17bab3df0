//! What is no whole export is refused, and so is all else that keeps `run.py` from an answer. Exit code 1 says that
//! there are rows, and nothing else does.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use giro::store::items::s;

use super::items::golden;
use super::{TABLES, python, refused, rows, run, write};

/// Writes an export of the golden items.
fn ledger(folder: &Path) {
    TABLES.iter().for_each(|table| write(folder, table, &golden(table)));
}

/// The folder of the export of payments.
fn payments(folder: &Path) -> PathBuf {
    folder.join("payments/AWSDynamoDB/01-a")
}

fn data_file(folder: &Path) -> PathBuf {
    std::fs::read_dir(payments(folder).join("data")).unwrap().next().unwrap().unwrap().path()
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

/// What is done to a whole export, and what is said of it then.
type Fault = (fn(&Path), &'static str);

const FAULTS: [Fault; 10] = [
    (|folder| std::fs::remove_file(data_file(folder)).unwrap(), "expected this file"),
    (|folder| drop(std::fs::copy(data_file(folder), payments(folder).join("data/b.json.gz"))), "a manifest names"),
    (
        |folder| {
            let bytes = std::fs::read(data_file(folder)).unwrap();
            std::fs::write(data_file(folder), &bytes[..bytes.len() / 2]).unwrap();
        },
        "expected the checksum",
    ),
    (|folder| std::fs::remove_file(payments(folder).join("manifest-summary.json")).unwrap(), "come to its end"),
    (|folder| std::fs::remove_file(payments(folder).join("manifest-files.json")).unwrap(), "come to its end"),
    (|folder| std::fs::write(payments(folder).join("manifest-summary.json"), "{}").unwrap(), "as DynamoDB writes them"),
    (|folder| std::fs::write(payments(folder).join("manifest-summary.json"), "{").unwrap(), "as DynamoDB writes them"),
    (
        |folder| edit(&payments(folder).join("manifest-summary.json"), "DYNAMODB_JSON", "ION"),
        "expected the format DYNAMODB_JSON",
    ),
    (
        |folder| edit(&payments(folder).join("manifest-files.json"), "\"itemCount\":", "\"itemCount\":1"),
        "and its files",
    ),
    (|folder| std::fs::remove_dir_all(folder.join("refunds")).unwrap(), "expected a folder AWSDynamoDB"),
];

#[test]
fn what_is_no_whole_export_is_refused() {
    let Some(python) = python() else { return };
    for (spoil, named) in FAULTS {
        let folder = tempfile::tempdir().unwrap();
        ledger(folder.path());
        spoil(folder.path());
        let said = refused(&python, folder.path());
        assert!(said.contains(named), "{named}: {said}");
    }
}

#[test]
fn lines_that_are_fewer_than_the_manifests_say_are_refused() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path());
    let count = golden("payments").len();
    for manifest in ["manifest-files.json", "manifest-summary.json"] {
        let (from, to) = (format!("\"itemCount\":{count}"), format!("\"itemCount\":{}", count + 1));
        edit(&payments(folder.path()).join(manifest), &from, &to);
    }
    let said = refused(&python, folder.path());
    assert!(said.contains(&format!("expected {} lines as the manifests say, and read {count}", count + 1)), "{said}");
}

#[test]
fn an_audit_of_nothing_is_not_clean() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    TABLES.iter().for_each(|table| write(folder.path(), table, &[]));
    let output = run(&python, folder.path(), &["audit"], &["--none"]);
    let (rows, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.code() == Some(1) && rows.contains("\"nothing\""), "{rows}{said}");
    assert!(said.contains("accounts: 0 items read"), "{said}");
}

#[test]
fn a_failure_is_no_finding() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("a[b]*?");
    ledger(&export);
    // A folder is no pattern.
    assert!(!rows(&python, &export, &["audit"]).is_empty());
    let output = run(&python, &export, &["no-such-query"], &["--none"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && !said.contains("Traceback"), "{said}");

    let database = folder.path().join("ledger.duckdb");
    let options = ["--none", "--database", database.to_str().unwrap()];
    let first = run(&python, &export, &["audit"], &options);
    assert_eq!(first.status.code(), Some(1), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(std::fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
    let second = run(&python, &export, &["audit"], &options);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(2) && said.contains("expected a file that isn't there yet"), "{said}");
}

#[test]
fn a_day_that_is_none_does_not_stop_the_latencies() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path());
    let whole = rows(&python, folder.path(), &["latency"]);
    std::fs::remove_dir_all(folder.path().join("payments")).unwrap();
    let mut items = golden("payments");
    let mut damaged = items[0].clone();
    damaged.insert("payment_id".into(), s("damaged"));
    damaged.insert("requested_at".into(), s("2026-02-28T00:00:00.000Z"));
    damaged.insert("decided_at".into(), s("2026-02-30T00:00:00.000Z"));
    items.push(damaged);
    write(folder.path(), "payments", &items);
    assert!(!whole.is_empty());
    assert_eq!(rows(&python, folder.path(), &["latency"]), whole);
}

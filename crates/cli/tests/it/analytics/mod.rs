//! SQL over exports of the tables. It finds what the auditor finds, and it answers questions as a naive count does.
//!
//! `scripts/tools.sh duckdb` installs what these tests need. Without it they say that they are skipped.

mod athena;
mod changes;
mod corruptions;
mod dialects;
mod items;
mod questions;
mod refused;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use giro::domain::Timestamp;
use giro::store::items::Item;
use giro_cli::export::data::Items;
use giro_cli::export::manifest::{self, Summary};
use giro_cli::export::{Export, private};
use giro_testkit::engine::Engine;
use serde_json::Value;

/// The tables that the SQL reads: their folders in an export.
const TABLES: [&str; 4] = ["accounts", "payments", "refunds", "dead-letters"];

/// A Python with DuckDB in it. None where it isn't installed, and then it says so.
fn python() -> Option<PathBuf> {
    let python = Path::new(crate::ROOT).join(".tools/duckdb/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: SQL over an export: there is no DuckDB; scripts/tools.sh installs it");
        return None;
    }
    Some(python)
}

/// Exports the tables of an engine into a folder.
async fn export_all(engine: &Engine, to: &Path) {
    let export = Export::begin(to, 1_000_000);
    for table in TABLES {
        export.table(&engine.client(), table, table).await.unwrap();
    }
}

/// Writes items as an export of one table.
fn write(folder: &Path, table: &str, items: &[Item]) {
    let folder = folder.join(table).join("AWSDynamoDB/01-a");
    private::folder(&folder.join("data")).unwrap();
    let mut lines = Items::below(folder.join("data")).unwrap();
    items.iter().for_each(|item| lines.write(item).unwrap());
    let files = lines.end().unwrap();
    let at = Timestamp::try_from_millis(1_795_384_800_000).unwrap();
    let count = u64::try_from(items.len()).unwrap();
    let (prefix, id, text) = (table.to_owned(), "01-a".to_owned(), String::new);
    let summary =
        Summary { arn: text(), table_id: text(), prefix, id, at, started: at, ended: at, items: count, bytes: 0 };
    manifest::write(&folder, &summary, &files).unwrap();
}

/// Runs queries over an export.
fn run(python: &Path, export: &Path, queries: &[&str], options: &[&str]) -> Output {
    let folder = Path::new(crate::ROOT).join("analytics");
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join("run.py")).arg(export);
    command.args(queries.iter().map(|query| folder.join(format!("{query}.sql")))).args(options);
    command.output().unwrap()
}

/// What is said of an export that the audit does not read.
fn refused(python: &Path, export: &Path) -> String {
    let output = run(python, export, &["audit"], &["--none"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{said}");
    let said = said.lines().filter(|line| !line.ends_with("as the manifests say") || line.contains("expected"));
    let [line] = said.collect::<Vec<_>>()[..] else { panic!("expected one line") };
    line.to_owned()
}

/// The rows of queries over an export.
fn rows(python: &Path, export: &Path, queries: &[&str]) -> Vec<Value> {
    let output = run(python, export, queries, &[]);
    assert!(output.status.success(), "{queries:?}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the audit in SQL finds, in the auditor's words.
fn found(python: &Path, export: &Path) -> Vec<String> {
    let word = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    let line = |row: &Value| format!("{} {}", word(row, "finding"), word(row, "at_fault"));
    let mut lines: Vec<String> = rows(python, export, &["audit"]).iter().map(line).collect();
    lines.sort();
    lines
}

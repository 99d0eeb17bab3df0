//! SQL over exports of the tables. It finds what the auditor finds, and it answers questions as a naive count does.
//!
//! `scripts/tools.sh duckdb` installs what these tests need. Without it they say that they are skipped.

mod athena;
mod changes;
mod corruptions;
mod dialects;
mod items;
mod questions;

use std::path::{Path, PathBuf};
use std::process::Command;

use giro_cli::export::Export;
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

/// The rows of queries over an export.
fn rows(python: &Path, export: &Path, queries: &[&str]) -> Vec<Value> {
    let folder = Path::new(crate::ROOT).join("analytics");
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join("run.py")).arg(export);
    command.args(queries.iter().map(|query| folder.join(format!("{query}.sql"))));
    let output = command.output().unwrap();
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

//! The SQL that Athena and DuckDB share: it parses in both dialects, and calls only functions that both have.
//!
//! Athena can't run here. `dialects.py` parses what would be sent to it, with the dialect of its engine, which is
//! Trino.

use std::path::Path;
use std::process::{Command, Output};

use super::python;

/// The files that run on both.
const SHARED: [&str; 10] = [
    "images",
    "tables",
    "payments",
    "ledger",
    "audit",
    "counts",
    "settled-by-day",
    "decline-reasons",
    "top-creditors",
    "latency",
];

fn parsed(python: &Path, dialects: &str, files: &[String]) -> Output {
    let script = Path::new(crate::ROOT).join("crates/cli/tests/it/analytics/dialects.py");
    Command::new(python).arg("-B").arg(script).arg(dialects).args(files).output().unwrap()
}

fn path(name: &str) -> String {
    Path::new(crate::ROOT).join(format!("analytics/{name}.sql")).display().to_string()
}

#[test]
fn every_file_is_in_the_dialects_that_it_is_for() {
    let Some(python) = python() else { return };
    for (dialects, files) in [("athena,trino,duckdb", &SHARED[..]), ("athena", &["athena"]), ("duckdb", &["duckdb"])] {
        let output = parsed(&python, dialects, &files.iter().map(|file| path(file)).collect::<Vec<_>>());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let there = std::fs::read_dir(Path::new(crate::ROOT).join("analytics")).unwrap();
    let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let sql = there.filter(|name| name.ends_with(".sql")).count();
    assert_eq!(sql, SHARED.len() + 2, "a file of analytics/ is not parsed here");
}

#[test]
fn what_only_one_of_them_understands_is_named() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("planted.sql");
    for (planted, named) in [
        ("SELECT quantile_cont(x, 0.5) FROM t;", "quantile_cont"),
        ("SELECT x::BIGINT FROM t;", "::"),
        ("SELECT list_sum(x) FROM t;", "list_sum"),
        ("SELECT FROM WHERE;", "planted.sql"),
        ("CREATE TABLE t AS SELECT CAST(x AS HUGEINT) AS x FROM s;", "HUGEINT"),
        ("-- Two; in one.\nSELECT 1;", "semicolon in a comment"),
        ("SELECT 'a;b' AS x;", "semicolon in a text"),
        ("SELECT 'a--b' AS x;", "two dashes in a text"),
        ("SELECT regexp_like(x, '^[A-Z]{3}$') AS y FROM t;", "a dollar ends a pattern"),
        ("SELECT regexp_like(x, '^(a|b$)') AS y FROM t;", "a dollar ends a pattern"),
    ] {
        std::fs::write(&file, planted).unwrap();
        let output = parsed(&python, "athena,trino,duckdb", &[file.display().to_string()]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && complaint.contains(named), "{planted}: {complaint}");
    }
}

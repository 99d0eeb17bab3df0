//! A full export, and incremental ones after it: the newest image of each item counts.
//!
//! No engine on this machine writes incremental exports, because none tells when an item was written. `changes.py`
//! makes them of two full ones, by the documented format.

use std::path::Path;
use std::process::Command;

use giro_testkit::corruption::{CORRUPTIONS, Corruption, Hand, clean, settle_all};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, payment};

use super::{export_all, found, python, rows};

/// Writes what changed from one full export to another, as an incremental export into a folder.
fn write(python: &Path, from: &Path, to: &Path, into: &Path, micros: u64) {
    let script = Path::new(crate::ROOT).join("crates/cli/tests/it/analytics/changes.py");
    let mut command = Command::new(python);
    let output = command.arg("-B").arg(script).args([from, to, into]).arg(micros.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn incremental_exports_bring_a_full_one_up_to_date() {
    let Some(python) = python() else { return };
    let [first, second, third] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let engine = Engine::start().await.unwrap();
    let (store, hand) = (engine.ledger(), Hand::Dynamo(engine.client(), engine.tables().clone()));
    clean(&store).await;
    export_all(&engine, first.path()).await;
    let requests = (0..50).map(|n| payment(&format!("n{n}"), "bank", "bob", 1).at(0, 100 + n)).collect();
    assert_eq!(settle_all(&store, requests, 1).await, 50);
    export_all(&engine, second.path()).await;
    Corruption::PaymentLost.plant(&store, &hand).await;
    export_all(&engine, third.path()).await;

    let full = first.path();
    write(&python, full, second.path(), full, 1_000);
    assert_eq!(found(&python, full), Vec::<String>::new());
    let questions = ["settled-by-day", "top-creditors"];
    assert_eq!(rows(&python, full, &questions), rows(&python, second.path(), &questions));
    // A payment goes, and comes again.
    write(&python, second.path(), third.path(), full, 2_000);
    let expected = CORRUPTIONS.iter().find(|(corruption, _)| *corruption == Corruption::PaymentLost).unwrap().1;
    assert_eq!(found(&python, full), expected);
    write(&python, third.path(), second.path(), full, 3_000);
    assert_eq!(found(&python, full), Vec::<String>::new());
}

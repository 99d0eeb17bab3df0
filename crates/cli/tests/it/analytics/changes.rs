//! A full export, and incremental ones after it: the newest image of each item counts.
//!
//! No engine on this machine writes incremental exports, because none tells when an item was written. `changes.py`
//! makes them of two full ones, by the documented format.

use std::path::Path;
use std::process::Command;

use giro::store::dynamodb::DynamoDb;
use giro_testkit::corruption::{CORRUPTIONS, Corruption, Hand, clean, settle_all};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, payment, refund};

use super::{TABLES, export_all, found, python, refused, rows};

/// Writes what changed from one full export to another, as an incremental export into a folder. Windows are numbered.
fn write(python: &Path, from: &Path, to: &Path, into: &Path, window: i64) {
    let script = Path::new(crate::ROOT).join("crates/cli/tests/it/analytics/changes.py");
    let mut command = Command::new(python);
    let output = command.arg("-B").arg(script).args([from, to, into]).arg(window.to_string()).output().unwrap();
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
    more(&store, 0).await;
    export_all(&engine, second.path()).await;
    more(&store, 50).await;
    for corruption in [Corruption::PaymentLost, Corruption::PartLost] {
        corruption.plant(&store, &hand).await;
    }
    export_all(&engine, third.path()).await;

    let full = first.path();
    write(&python, full, second.path(), full, 1);
    assert_eq!(found(&python, full), Vec::<String>::new());
    let questions = ["settled-by-day", "top-creditors"];
    assert_eq!(rows(&python, full, &questions), rows(&python, second.path(), &questions));
    // A payment goes, and a part of a dead letter. Both come again, and all else is as it was before.
    write(&python, second.path(), third.path(), full, 2);
    let planted = |(corruption, _): &&(Corruption, &[&'static str])| {
        [Corruption::PaymentLost, Corruption::PartLost].contains(corruption)
    };
    let mut expected: Vec<&str> = CORRUPTIONS.iter().filter(planted).flat_map(|(_, found)| found.to_vec()).collect();
    expected.sort_unstable();
    assert_eq!(found(&python, full), expected);
    assert_eq!(rows(&python, full, &questions), rows(&python, third.path(), &questions));
    write(&python, third.path(), second.path(), full, 3);
    assert_eq!(found(&python, full), Vec::<String>::new());
    assert_eq!(rows(&python, full, &questions), rows(&python, second.path(), &questions));
}

#[tokio::test]
async fn an_incremental_export_that_does_not_follow_the_full_one_is_refused() {
    let Some(python) = python() else { return };
    let [old, new] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let engine = Engine::start().await.unwrap();
    let (store, hand) = (engine.ledger(), Hand::Dynamo(engine.client(), engine.tables().clone()));
    clean(&store).await;
    export_all(&engine, old.path()).await;
    Corruption::PaymentLost.plant(&store, &hand).await;
    export_all(&engine, new.path()).await;

    // The newer full export has lost a payment. An older incremental one would bring it back.
    write(&python, new.path(), old.path(), new.path(), 0);
    let said = refused(&python, new.path());
    assert!(said.contains("before the full export"), "{said}");
    let forget = |table: &str, full: &Path| {
        let folder = full.join(table).join("AWSDynamoDB");
        std::fs::remove_dir_all(folder.join("data")).unwrap();
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.to_str().unwrap().ends_with("-changes") {
                std::fs::remove_dir_all(entry).unwrap();
            }
        }
    };
    TABLES.iter().for_each(|table| forget(table, new.path()));
    assert!(!found(&python, new.path()).is_empty());

    write(&python, old.path(), new.path(), old.path(), 2);
    let said = refused(&python, old.path());
    assert!(said.contains("there is no export from"), "{said}");
    write(&python, old.path(), old.path(), old.path(), 1);
    assert_eq!(found(&python, old.path()), found(&python, new.path()));
    forget("refunds", old.path());
    let said = refused(&python, old.path());
    assert!(said.contains("expected tables of one time"), "{said}");
}

/// Settles fifty payments and a refund, which change accounts and a sum of refunds that are there.
async fn more(store: &DynamoDb, first: i64) {
    let payments = (first..first + 50).map(|n| payment(&format!("n{n}"), "bank", "bob", 1).at(0, 100 + n));
    let refund = refund(&format!("again-{first}"), "p6", "capped", Some(1)).at(0, 300 + first);
    assert_eq!(settle_all(store, payments.chain([refund]).collect(), 1).await, 51);
}

//! Each corruption that the auditor's tests plant: the SQL names the same things, on an export of the same tables.

use giro_testkit::corruption::{CORRUPTIONS, Hand, clean};
use giro_testkit::engine::Engine;

use super::{export_all, found, python};

#[tokio::test]
async fn the_sql_finds_what_the_auditor_finds() {
    let Some(python) = python() else { return };
    for (corruption, expected) in CORRUPTIONS {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start().await.unwrap();
        let hand = Hand::Dynamo(engine.client(), engine.tables().clone());
        clean(&engine.ledger()).await;
        corruption.plant(&engine.ledger(), &hand).await;
        export_all(&engine, folder.path()).await;
        assert_eq!(found(&python, folder.path()), expected, "{corruption:?}");
    }
}

#[tokio::test]
async fn the_sql_finds_nothing_in_a_clean_ledger() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start().await.unwrap();
    clean(&engine.ledger()).await;
    export_all(&engine, folder.path()).await;
    assert_eq!(found(&python, folder.path()), Vec::<String>::new());
}

//! Dead letters: every byte is kept, and each is stored once and marked once.

use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{DeadLetter, DeadLetterId, Header, Timestamp};
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::engine::Engine;

use super::{Store, digest, letter, source};

contract! {
    dead_letters_keep_every_byte
    writing_again_changes_nothing
    a_letter_is_marked_as_redriven_once
    a_redriven_letter_whose_record_comes_again_is_parked_again
    another_record_at_a_place_used_before_is_another_letter
    letters_of_older_versions_are_read_listed_and_marked
    a_letter_that_two_set_aside_at_once_is_one
}

async fn dead_letters_keep_every_byte(store: &impl Store) {
    let bytes = |length: usize, seed: u64| -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed);
        std::iter::repeat_with(|| random.u8(..)).take(length).collect()
    };
    let header = |name: &str, value| Header { name: name.into(), value };
    let headers = vec![
        header("trace", Some(bytes(16, 1))),
        header("trace", Some(vec![])),
        header("none", None),
        header("", Some(b"no name".to_vec())),
        header("big", Some(bytes(700_000, 2))),
        header("after", Some(vec![0, 255])),
    ];
    let letters = [
        letter(1),
        DeadLetter { key: Some(vec![]), value: Some(vec![]), ..letter(2) },
        DeadLetter { key: Some(vec![0, 1, 255]), value: Some(bytes(900_000, 3)), headers, ..letter(3) },
        DeadLetter { key: Some(bytes(400_000, 4)), value: Some(bytes(307_200, 5)), ..letter(4) },
        DeadLetter { value: Some(bytes(307_200, 6)), ..letter(5) },
        DeadLetter { value: Some(bytes(307_201, 7)), ..letter(6) },
    ];
    for letter in &letters {
        store.write_dead_letter(letter).await.unwrap();
        let kept = store.dead_letter(&letter.id()).await.unwrap().unwrap();
        assert!(kept == *letter, "{}", letter.id());
    }
    assert!(store.dead_letters().await.unwrap() == letters);
    assert_eq!(store.dead_letter(&letter(99).id()).await, Ok(None));
    assert_eq!(store.dead_letters_at(&source(99)).await, Ok(vec![]));
}

async fn writing_again_changes_nothing(store: &impl Store) {
    let first = DeadLetter { value: Some(b"as it came".to_vec()), ..letter(7) };
    store.write_dead_letter(&first).await.unwrap();
    let again = DeadLetter { received_at: Timestamp::EPOCH, reason: "tombstone".into(), ..first.clone() };
    store.write_dead_letter(&again).await.unwrap();
    assert_eq!(store.dead_letter(&first.id()).await, Ok(Some(first)));
}

async fn a_letter_is_marked_as_redriven_once(store: &impl Store) {
    store.write_dead_letter(&letter(7)).await.unwrap();
    assert_eq!(store.mark_redriven(&letter(8).id()).await, Ok(false), "no such letter");
    let another = DeadLetterId { digest: digest(1), ..letter(7).id() };
    assert_eq!(store.mark_redriven(&another).await, Ok(false), "another record of that place");
    assert_eq!(store.mark_redriven(&letter(7).id()).await, Ok(true));
    assert_eq!(store.mark_redriven(&letter(7).id()).await, Ok(false), "it was marked before");
    let marked = DeadLetter { status: DeadLetterStatus::Redriven, ..letter(7) };
    assert_eq!(store.dead_letter(&letter(7).id()).await, Ok(Some(marked)), "and nothing else of it changed");
}

async fn a_redriven_letter_whose_record_comes_again_is_parked_again(store: &impl Store) {
    for value in [None, Some(vec![7; 700_000])] {
        let first = DeadLetter { value, ..letter(7) };
        let first = DeadLetter { digest: digest(u64::from(first.value.is_some())), ..first };
        let id = first.id();
        store.write_dead_letter(&first).await.unwrap();
        for round in 1..3 {
            assert_eq!(store.mark_redriven(&id).await, Ok(true));
            let received_at = Timestamp::try_from_millis(1_700_000_000_000 + round).unwrap();
            let again = DeadLetter { received_at, reason: format!("reason_{round}"), ..first.clone() };
            store.write_dead_letter(&again).await.unwrap();
            // Storing a stored dead letter again changes nothing, here too.
            store.write_dead_letter(&first).await.unwrap();
            assert!(store.dead_letter(&id).await == Ok(Some(again)), "{id}, round {round}");
        }
    }
    assert_eq!(store.dead_letters().await.unwrap().len(), 2);
}

/// Offsets begin again when a topic is created again. A record of several parts has the place of a small one, and a
/// small one its place.
async fn another_record_at_a_place_used_before_is_another_letter(store: &impl Store) {
    let value = |number: u64, length| DeadLetter { digest: digest(number), value: Some(vec![7; length]), ..letter(7) };
    let letters = [value(1, 3), value(2, 700_000), value(3, 4), value(4, 400_000)];
    for letter in &letters {
        store.write_dead_letter(letter).await.unwrap();
    }
    for offset in [70, 71, 77] {
        store.write_dead_letter(&letter(offset)).await.unwrap();
    }
    for letter in &letters {
        assert!(store.dead_letter(&letter.id()).await == Ok(Some(letter.clone())), "{}", letter.id());
    }
    assert!(store.dead_letters_at(&source(7)).await.unwrap() == letters);
    assert_eq!(store.dead_letters().await.unwrap().len(), 7);
    assert_eq!(store.mark_redriven(&letters[1].id()).await, Ok(true));
    let marked: Vec<bool> = store
        .dead_letters_at(&source(7))
        .await
        .unwrap()
        .iter()
        .map(|letter| letter.status == DeadLetterStatus::Redriven)
        .collect();
    assert_eq!(marked, [false, true, false, false]);
}

async fn letters_of_older_versions_are_read_listed_and_marked(store: &impl Store) {
    let old = DeadLetter { digest: None, value: Some(vec![7; 400_000]), ..letter(7) };
    let new = DeadLetter { value: Some(b"of now".to_vec()), ..letter(7) };
    store.write_dead_letter(&old).await.unwrap();
    store.write_dead_letter(&new).await.unwrap();
    assert_eq!(old.id().to_string(), "payment-requests/3/7");
    assert!(store.dead_letter(&old.id()).await == Ok(Some(old.clone())));
    assert!(store.dead_letters_at(&source(7)).await.unwrap() == [old.clone(), new.clone()]);
    assert!(store.dead_letters().await.unwrap() == [old.clone(), new.clone()]);
    assert_eq!(store.mark_redriven(&old.id()).await, Ok(true));
    assert_eq!(store.dead_letter(&old.id()).await.unwrap().unwrap().status, DeadLetterStatus::Redriven);
    assert_eq!(store.dead_letter(&new.id()).await, Ok(Some(new)));
}

async fn a_letter_that_two_set_aside_at_once_is_one(store: &impl Store) {
    let one = DeadLetter { value: Some(vec![7; 700_000]), ..letter(7) };
    let other = DeadLetter { received_at: Timestamp::EPOCH, ..one.clone() };
    assert_eq!(tokio::join!(store.write_dead_letter(&one), store.write_dead_letter(&other)), (Ok(()), Ok(())));
    let kept = store.dead_letters().await.unwrap();
    assert!(kept == [one.clone()] || kept == [other.clone()]);
    // While one worker marks it, its record is delivered again. Its status is `parked` again, or still.
    let id = one.id();
    let (marked, parked) = tokio::join!(store.mark_redriven(&id), store.write_dead_letter(&one));
    assert_eq!((marked, parked), (Ok(true), Ok(())));
    let (status, value) = store.dead_letter(&id).await.unwrap().map(|kept| (kept.status, kept.value)).unwrap();
    assert!(value == one.value, "{status:?}");
}

/// Whoever stores a dead letter may stop between two parts: the next one finishes it, and until then it isn't
/// there.
#[tokio::test]
async fn a_letter_whose_writer_stopped_between_parts_is_finished_by_the_next() {
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    let long = DeadLetter { value: Some(vec![7; 700_000]), ..letter(7) };
    let parts = giro::store::items::dead_letter::encode(&long);
    assert_eq!(parts.len(), 3);
    for part in parts[1..].iter().rev() {
        client.put_item().table_name(&tables.dead_letters).set_item(Some(part.clone())).send().await.unwrap();
        assert_eq!(store.dead_letter(&long.id()).await, Ok(None));
        assert_eq!(store.dead_letters().await, Ok(vec![]));
    }
    store.write_dead_letter(&long).await.unwrap();
    assert!(store.dead_letters().await.unwrap() == [long]);
}

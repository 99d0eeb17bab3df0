//! The demo's workload holds every kind of record, and its checks find what is missing, too much or wrong.

use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::plan::Entry;
use giro::domain::{DeadLetter, Payment, Recorded, Request, Source, Timestamp};
use giro::wire::{instruction, payment_request};
use giro_testkit::oracle::{Published, check_tables};
use giro_testkit::workload::{Record, Workload};

#[test]
fn a_workload_is_always_the_same_for_a_seed_and_holds_every_kind() {
    let one = Workload::generate(7, 2_000, "");
    assert_eq!(one, Workload::generate(7, 2_000, ""));
    assert_ne!(one, Workload::generate(8, 2_000, ""));
    assert_eq!(one.records.len(), 2_000);
    let read = |record: &Record| record.value.as_deref().map(instruction::decode_json);
    let malformed = one.records.iter().filter(|record| !matches!(read(record), Some(Ok(_)))).count();
    assert!((60..200).contains(&malformed), "{malformed}");
    let (mut refunds, mut with_legs) = (0, 0);
    let mut ids = std::collections::HashMap::<_, Vec<_>>::new();
    for asked in one.records.iter().filter_map(|record| read(record)?.ok()) {
        refunds += asked.original().iter().count();
        with_legs += usize::from(!asked.legs().is_empty());
        ids.entry(asked.id().clone()).or_default().push(asked.fingerprint());
    }
    assert!((60..200).contains(&refunds), "{refunds} refunds");
    assert!((80..220).contains(&with_legs), "{with_legs} payments with legs");
    let again = ids.values().filter(|prints| prints.len() > 1);
    assert!(again.clone().any(|prints| prints[0] == prints[1]), "duplicates");
    assert!(again.clone().any(|prints| prints.iter().any(|print| *print != prints[0])), "reused ids");
}

/// The demo's checks must be able to fail: each planted error is found.
#[test]
fn the_demos_checks_find_what_is_missing_too_much_or_wrong() {
    let source = |offset| Source { topic: "payment-requests".into(), partition: 0, offset };
    let json = |id: &str| {
        format!(r#"{{"payment_id":"{id}","debtor_account":"a","creditor_account":"a","amount":1,"currency":"EUR"}}"#)
    };
    let published = |offset, value: &str| Published {
        source: source(offset),
        record: Record { key: None, value: Some(value.into()) },
    };
    let records = [published(0, &json("k0")), published(1, "broken"), published(2, &json("k0"))];
    let payment = payment_request::decode_json(json("k0").as_bytes()).unwrap();
    let fingerprint = payment.fingerprint();
    let declined = Err(giro::domain::Decline::SameAccount);
    let request = Request::new(payment.clone().into(), source(0));
    let outcome = Entry::new(&request, declined, Timestamp::EPOCH).outcome();
    let recorded = Recorded { outcome, fingerprint };
    let letter = DeadLetter {
        source: source(1),
        digest: None,
        key: None,
        value: Some(b"broken".to_vec()),
        headers: vec![],
        reason: "not_json".into(),
        detail: String::new(),
        received_at: Timestamp::EPOCH,
        status: DeadLetterStatus::Parked,
    };
    let all_well = check_tables(&records, &[], std::slice::from_ref(&recorded), std::slice::from_ref(&letter));
    assert_eq!((all_well.failed(), all_well.replayed, all_well.records), (0, 1, 3), "{:?}", all_well.findings);

    let found = |payments: &[Recorded], letters: &[DeadLetter], says: &str| {
        let checked = check_tables(&records, &[], payments, letters);
        assert!(checked.findings.iter().any(|finding| finding.contains(says)), "{says}: {:?}", checked.findings);
    };
    let one = std::slice::from_ref(&recorded);
    found(&[], std::slice::from_ref(&letter), "payment k0 has no outcome");
    found(one, &[], "expected a dead letter not_json, found none");
    found(one, &[DeadLetter { value: Some(b"brokem".to_vec()), ..letter.clone() }], "doesn't hold the bytes");
    found(one, &[DeadLetter { reason: "other".into(), ..letter.clone() }], "found other");
    found(one, &[letter.clone(), DeadLetter { source: source(9), ..letter.clone() }], "should not be there");
    // What another record left at that place is no dead letter of this one.
    let of_another =
        DeadLetter { digest: RecordDigest::parse("0123456789abcdef"), value: Some(b"old".to_vec()), ..letter.clone() };
    found(
        one,
        &[letter.clone(), of_another],
        "payment-requests/0/1/0123456789abcdef: a dead letter that should not be",
    );
    let mut extra = recorded.clone();
    extra.outcome.instruction = Payment { id: "k9".parse().unwrap(), ..payment }.into();
    found(&[recorded.clone(), extra], &[letter], "was not published");
}

//! What: Tests that each error and each cancellation reason has its word.

use aws_sdk_dynamodb::types::builders::CancellationReasonBuilder;

use super::*;
use crate::domain::audit::{Checkpoint, Digest, Head, Seen};
use crate::domain::plan::{AccountUpdate, Entry, StatementLanes, TotalUpdate};
use crate::domain::{Amount, Currency, Leg, LeggedPayment, Legs, Refund, Request, Source, Timestamp};
use crate::store::Rejected;

#[test]
fn each_code_has_its_word() {
    type Word = fn(String) -> StoreError;
    let conflict = |_: String| StoreError::Conflict;
    let words: [(&[&str], Word); 4] = [
        (&["TransactionConflict", "TransactionConflictException", "TransactionInProgressException"], conflict),
        (
            &[
                "ProvisionedThroughputExceeded",
                "ProvisionedThroughputExceededException",
                "RequestLimitExceeded",
                "ThrottlingError",
                "ThrottlingException",
                "Throttling",
            ],
            StoreError::Throttled,
        ),
        (
            &[
                "ValidationError",
                "ValidationException",
                "ItemCollectionSizeLimitExceeded",
                "ItemCollectionSizeLimitExceededException",
                "SerializationException",
            ],
            StoreError::Rejected,
        ),
        (
            &["InternalServerError", "AccessDeniedException", "ExpiredTokenException", "NewInThisYear"],
            StoreError::Unavailable,
        ),
    ];
    for (codes, word) in words {
        for code in codes {
            assert_eq!(of_code(code, "PutItem".into(), None), word("PutItem".into()), "{code}");
        }
    }
    // DynamoDB's text about a validation may hold values.
    assert_eq!(of_code("ValidationError", "a".into(), Some("balance 7")), StoreError::Rejected("a".into()));
    // The stored item is wrong, not the request.
    for message in OF_THE_ITEM {
        assert_eq!(of_code("ValidationException", "a".into(), Some(message)), StoreError::Corrupt("a".into()));
    }
    assert_eq!(of_code("Other", "a".into(), Some("b")), StoreError::Unavailable("a: b".into()));
}

fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
    codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
}

fn text(code: &str) -> String {
    format!("TransactWriteItems: {code}")
}

const NONE: &str = "None";
const FAILED: &str = "ConditionalCheckFailed";
const CONFLICT: &str = "TransactionConflict";
const THROTTLED: &str = "ThrottlingError";
const INVALID: &str = "ValidationError";

fn refund() -> Request {
    let refund = Refund {
        id: "p".parse().unwrap(),
        original: "o".parse().unwrap(),
        leg: None,
        debtor: "alice".parse().unwrap(),
        amount: None,
        reference: None,
        requested_at: None,
    };
    Request::new(refund.into(), Source { topic: "t".into(), partition: 0, offset: 0 })
}

/// A refund, a main item, a lane and a sum of refunds.
fn transaction(request: &Request) -> Transaction<'_> {
    let update = |account: &str, lane| AccountUpdate {
        limits_version: None,
        windows: Vec::new(),
        takes_back: false,
        account: account.parse().unwrap(),
        lane,
        net: 0,
        currency: Currency::try_new("EUR").unwrap(),
        overdraft_limit: None,
        balance_min: None,
        balance_max: None,
        version: None,
    };
    let entry = Entry {
        lanes: StatementLanes { debtor: None, creditor: Some(0) },
        ..Entry::new(request, Ok(()), Timestamp::EPOCH)
    };
    Transaction {
        entries: vec![entry],
        updates: vec![update("alice", None), update("shop", Some(0))],
        totals: vec![TotalUpdate { id: "o".parse().unwrap(), net: 1, total_max: 0 }],
    }
}

#[test]
fn reasons_of_a_sum_of_refunds_go_to_it() {
    let (request, corrupt) = (refund(), Read::Corrupt("refunded: expected a number (N), got none".into()));
    let check = |reason: CancellationReasonBuilder, expected: Cancelled| {
        let mut all = reasons(&[NONE, NONE, NONE]);
        all.push(reason.build());
        assert_eq!(cancelled(&transaction(&request), &all), expected);
    };
    let code = |code: &str| CancellationReason::builder().code(code);
    let nothing = Cancelled::default;
    let sum = |item: Item| Cancelled { totals: vec![(0, read(items::refund_total::decode, Some(&item)))], ..nothing() };
    let item = Item::from([("refunded".into(), items::n(7))]);
    assert_eq!(sum(item.clone()).totals, [(0, Read::Found(7))]);
    check(code(FAILED).set_item(Some(item.clone())), sum(item));
    check(code(FAILED).set_item(Some(Item::new())), Cancelled { totals: vec![(0, corrupt)], ..nothing() });
    let rejected = Rejected { totals: vec![0], why: text(INVALID), ..Rejected::default() };
    check(code(INVALID), Cancelled { rejected: Some(rejected), ..nothing() });
    let misfit = code(INVALID).message(OF_THE_ITEM[0]);
    check(misfit, Cancelled { totals: vec![(0, Read::Corrupt(text(INVALID)))], ..nothing() });
    // Nobody knows which account somebody else holds then.
    check(code(CONFLICT), Cancelled { transient: Some(StoreError::Conflict), ..nothing() });
}

/// Every reason goes to its item.
#[test]
fn reasons_go_to_the_items_that_they_are_of() {
    let request = refund();
    let transaction = transaction(&request);
    let check = |codes: [&str; 3], expected: Cancelled| {
        assert_eq!(cancelled(&transaction, &reasons(&codes)), expected, "{codes:?}");
    };
    let nothing = Cancelled::default;
    let conflict = |busy| Cancelled { busy, transient: Some(StoreError::Conflict), ..Cancelled::default() };
    let unavailable = |text: &str| Some(StoreError::Unavailable(text.into()));

    let gone = vec![(0, Err("payment: expected the item that is there".into()))];
    check([FAILED, NONE, NONE], Cancelled { duplicates: gone, ..nothing() });
    check([NONE, FAILED, NONE], Cancelled { accounts: vec![(0, Read::Missing)], ..nothing() });
    check([NONE, NONE, FAILED], Cancelled { lanes: vec![(1, Read::Missing)], ..nothing() });

    check([CONFLICT, NONE, NONE], conflict(vec![]));
    check([NONE, CONFLICT, NONE], conflict(vec![0]));
    check([NONE, CONFLICT, CONFLICT], conflict(vec![0, 1]));
    // Only a conflict says that somebody holds the item.
    let throttled = Some(StoreError::Throttled(text(THROTTLED)));
    check([NONE, THROTTLED, NONE], Cancelled { transient: throttled, ..nothing() });

    let rejected = |entries: &[usize], updates: &[usize]| Cancelled {
        rejected: Some(Rejected {
            entries: entries.into(),
            updates: updates.into(),
            why: text(INVALID),
            ..Rejected::default()
        }),
        ..nothing()
    };
    check([INVALID, NONE, NONE], rejected(&[0], &[]));
    check([NONE, INVALID, NONE], rejected(&[], &[0]));
    check([INVALID, NONE, INVALID], rejected(&[0], &[1]));
    check([CONFLICT, INVALID, NONE], Cancelled { transient: Some(StoreError::Conflict), ..rejected(&[], &[0]) });
    // The stored item doesn't fit the expression: the data is wrong, not the request.
    let misfit = |place: usize| {
        let one = |ix| CancellationReason::builder().code(if ix == place { INVALID } else { NONE });
        let message = |ix, reason: CancellationReasonBuilder| match ix == place {
            true => reason.message(OF_THE_ITEM[0]).build(),
            false => reason.build(),
        };
        cancelled(&transaction, &(0..3).map(|ix| message(ix, one(ix))).collect::<Vec<_>>())
    };
    let corrupt = || Read::Corrupt(text(INVALID));
    assert_eq!(misfit(1), Cancelled { accounts: vec![(0, corrupt())], ..nothing() });
    assert_eq!(misfit(2), Cancelled { lanes: vec![(1, Read::Corrupt(text(INVALID)))], ..nothing() });

    check([NONE, NONE, "New"], Cancelled { transient: unavailable("TransactWriteItems: New"), ..nothing() });
    let silent = unavailable("TransactWriteItems: cancelled without a reason");
    check([NONE, NONE, NONE], Cancelled { transient: silent, ..nothing() });
}

/// The record comes first, then the main item if the step changes it, then lanes.
#[test]
fn reasons_of_a_command_go_to_record_account_and_lanes() {
    let check = |on_account, codes: &[&str], expected: CancelledCommand| {
        assert_eq!(cancelled_command(&reasons(codes), on_account), Ok(expected), "{on_account} {codes:?}");
    };
    let nothing = CancelledCommand::default;
    let transient = |error| CancelledCommand { transient: Some(error), ..CancelledCommand::default() };
    let gone = Some(Err("command: expected the item that is there".into()));
    check(true, &[FAILED, NONE, NONE], CancelledCommand { duplicate: gone, ..nothing() });
    check(true, &[NONE, FAILED, NONE], CancelledCommand { account: Some(Read::Missing), ..nothing() });
    check(true, &[NONE, NONE, FAILED], CancelledCommand { lanes: true, ..nothing() });
    check(false, &[NONE, FAILED], CancelledCommand { lanes: true, ..nothing() });
    check(true, &[NONE, CONFLICT], transient(StoreError::Conflict));
    check(false, &[THROTTLED, NONE], transient(StoreError::Throttled(text(THROTTLED))));
    for codes in [[INVALID, NONE, NONE], [NONE, INVALID, NONE], [NONE, FAILED, INVALID], [INVALID, CONFLICT, NONE]] {
        let answer = cancelled_command(&reasons(&codes), true);
        assert_eq!(answer, Err(StoreError::Rejected(text(INVALID))), "{codes:?}");
    }
    // If a command has its record, the other writes don't matter.
    let gone = Some(Err("command: expected the item that is there".into()));
    check(true, &[FAILED, INVALID], CancelledCommand { duplicate: gone, ..nothing() });
    let misfit = CancellationReason::builder().code(INVALID).message(OF_THE_ITEM[1]).build();
    let account = Some(Read::Corrupt(text(INVALID)));
    let answer = cancelled_command(&[reasons(&[NONE])[0].clone(), misfit], true);
    assert_eq!(answer, Ok(CancelledCommand { account, ..nothing() }));
    let silent = StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into());
    check(true, &[NONE, NONE], transient(silent));
}

/// The item of a leg is there beside that of its payment. If only the payment was busy, nothing is damaged.
#[test]
fn an_item_of_a_leg_without_its_payment_is_told_as_damage() {
    let leg = |debtor: &str, creditor: &str| Leg {
        debtor: debtor.parse().unwrap(),
        creditor: creditor.parse().unwrap(),
        amount: Amount::try_new(1).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        reference: None,
    };
    let debtor = "alice".parse().unwrap();
    let legs = Legs::try_new(&debtor, vec![leg("alice", "shop"), leg("shop", "fees")]).unwrap();
    let payment = LeggedPayment { id: "p".parse().unwrap(), debtor, legs, reference: None, requested_at: None };
    let request = Request { instruction: payment.into(), ..refund() };
    let entry = Entry::new(&request, Ok(()), Timestamp::EPOCH);
    let transaction = Transaction { entries: vec![entry], ..self::transaction(&request) };
    let check = |codes: [&str; 5], expected: Cancelled| {
        assert_eq!(cancelled(&transaction, &reasons(&codes)), expected, "{codes:?}");
    };
    let told = |text: &str| Cancelled { duplicates: vec![(0, Err(text.into()))], ..Cancelled::default() };
    check([FAILED, FAILED, NONE, NONE, NONE], told("payment: expected the item that is there"));
    check([NONE, FAILED, NONE, NONE, NONE], told("payment: expected no item of a leg without it"));
    let busy = Cancelled { transient: Some(StoreError::Conflict), ..Cancelled::default() };
    check([CONFLICT, FAILED, NONE, NONE, NONE], busy.clone());
    check([NONE, CONFLICT, NONE, NONE, NONE], busy);
}

/// Each letter is a reason: `-` none, `c` a condition, `s` a condition with the same head there, `o` with another one,
/// `b` busy, `t` throttled, `i` invalid. Each head has two.
#[test]
fn what_became_of_each_head_of_a_cancelled_transaction() {
    use Proved::{Overtaken, Unwritten, Written};
    let heads: Vec<Head> = ["a", "b", "c"].map(|name| audited(name, 1)).into();
    let new: Vec<NewHead<'_>> = heads.iter().map(|head| NewHead { before: None, head }).collect();
    let told = |reasons: &str| {
        let reasons: Vec<CancellationReason> = reasons
            .chars()
            .filter(|letter| *letter != ' ')
            .enumerate()
            .map(|(ix, letter)| {
                let reason = |code: &str| CancellationReason::builder().code(code);
                let there = |head: &Head| Some(items::audit_head::encode(head));
                match letter {
                    '-' => reason(NONE),
                    'c' => reason(FAILED),
                    's' => reason(FAILED).set_item(there(&heads[ix / 2])),
                    'o' => reason(FAILED).set_item(there(&audited("a", 2))),
                    'b' => reason(CONFLICT),
                    't' => reason("ThrottlingError"),
                    _ => reason(INVALID),
                }
                .build()
            })
            .collect();
        proved(&new, &reasons)
    };
    for (reasons, expected) in [
        ("s- -- --", [Written, Unwritten, Unwritten]),
        ("sc sc sc", [Written; 3]),
        ("-- oc --", [Unwritten, Overtaken, Unwritten]),
        ("-- -c --", [Unwritten, Overtaken, Unwritten]),
        ("c- o- oc", [Overtaken; 3]),
        ("sc oc --", [Written, Overtaken, Unwritten]),
        // What isn't about the condition of a head is told when the rest is asked for again.
        ("-- c- b-", [Unwritten, Overtaken, Unwritten]),
        ("-i sb -t", [Unwritten, Written, Unwritten]),
        // A checkpoint may be this one, as long as nobody says what head is there.
        ("bc o- --", [Unwritten, Overtaken, Unwritten]),
    ] {
        assert_eq!(told(reasons), Ok(expected.to_vec()), "{reasons}");
    }
    let silent = || StoreError::Unavailable("TransactWriteItems: cancelled without a reason".into());
    for (reasons, expected) in [
        ("-- -b --", StoreError::Conflict),
        ("bc -- --", StoreError::Conflict),
        ("-- t- --", StoreError::Throttled(text("ThrottlingError"))),
        ("-i -- --", StoreError::Rejected(text(INVALID))),
        ("-- -- --", silent()),
        ("", silent()),
        ("oc", silent()),
    ] {
        assert_eq!(told(reasons), Err(expected), "{reasons}");
    }
}

fn audited(name: &str, ms: i64) -> Head {
    let checkpoint = Checkpoint {
        account: name.parse().unwrap(),
        as_of: Timestamp::try_from_millis(ms).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        balance: 1,
        postings: 1,
        digest: Digest::ZERO,
        windows: [None; 3],
        previous: None,
    };
    let seen = Seen { version: 1, lanes: Vec::new(), held: Digest::ZERO };
    Head { checkpoint, seen, pending: Default::default(), seen_at: None }
}

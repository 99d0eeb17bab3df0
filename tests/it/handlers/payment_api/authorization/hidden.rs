//! What a caller is not told, and can't find out by the calls that an answer takes.

use std::collections::BTreeMap;

use giro::domain::{Account, AccountStatus, Principal, Request, Timestamp};
use giro::handlers::clock;
use giro::store::LedgerQueries;
use giro::wire::http::Response;
use giro_testkit::given::{self, Setters as _, account, id};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::super::{TOPIC, body, settle};
use super::{Guarded, get, owners, payment, post, token};

/// What the creditor is, and whether it is there, is one reason for a caller that doesn't own it. What it holds is no
/// reason at all.
#[tokio::test]
async fn a_strangers_account_is_not_found_out() {
    let api = Guarded::new(owners()).await;
    let reason = |response: &Response| body(response)["reason"]["name"].as_str().map(str::to_owned);
    let dry = |debtor: &str, creditor: &str, amount| {
        post("/payments?dry_run=true", &payment(debtor, creditor, amount), &token("ann", ""))
    };
    for (debtor, creditor, amount, expected) in [
        ("alice", "gone", 5, Some("creditor_unavailable")),
        ("alice", "frozen", 5, Some("creditor_unavailable")),
        ("alice", "alice-2", 5, None),
        ("alice", "alice", 5, Some("same_account")),
        ("alice", "alice-2", 9_999, Some("insufficient_funds")),
        // It may hold 10 more, which nobody finds out by asking for more and more.
        ("alice", "full", 5, None),
        ("alice", "full", 11, None),
        ("alice", "full", 9_999, Some("creditor_unavailable")),
    ] {
        let (response, _) = api.asked(&dry(debtor, creditor, amount)).await;
        assert_eq!(reason(&response).as_deref(), expected, "{debtor} {creditor} {amount}");
    }
    // A payment's own outcome tells no more, and to its creditor nothing of the debtor.
    let declined = |caller: &str| get("/payments/p2", &token(caller, ""));
    assert_eq!(reason(&api.asked(&declined("ann")).await.0).as_deref(), Some("creditor_unavailable"));
    let any = get("/payments/p2", &token("ops", "accounts:any"));
    assert_eq!(reason(&api.asked(&any).await.0).as_deref(), Some("creditor_not_found"));
}

/// Payments that fail tell nobody how much a stranger may still take: neither from an empty account, nor with a leg
/// behind that always fails.
#[tokio::test]
async fn a_strangers_room_is_not_found_out_by_payments_that_fail() {
    let api = Guarded::new(owners()).await;
    let ann = Principal::try_new("ann").ok();
    let mut answers = Vec::new();
    for (ix, amount) in [9, 10, 11, 12].into_iter().enumerate() {
        let plain = given::payment(&format!("plain-{amount}"), "alice-2", "full", amount);
        let legs = [("alice", "full", "EUR", amount), ("alice", "alice", "EUR", 1)];
        let legged = given::legged(&format!("legs-{amount}"), "alice", &legs);
        let source = |offset| given::source(0, 100 + 2 * ix as i64 + offset);
        let plain = Request::new(plain.into(), source(0)).by(ann.clone());
        let legged = Request::new(legged.into(), source(1)).by(ann.clone());
        settle(&api.watched.store, vec![plain, legged]).await;
        for id in [format!("plain-{amount}"), format!("legs-{amount}")] {
            let (response, calls) = api.asked(&get(&format!("/payments/{id}"), &token("ann", ""))).await;
            let mut told = body(&response);
            for own in ["payment_id", "amount", "legs", "source", "fingerprint", "decided_at"] {
                told[own].take();
            }
            answers.push((told, calls));
        }
    }
    for kind in [0, 1] {
        let (first, others) = (&answers[kind], answers[kind..].iter().step_by(2));
        assert_eq!(first.0["reason"]["name"], "creditor_unavailable");
        assert!(first.0["leg"].is_null() && others.clone().all(|other| other == first), "{answers:#?}");
    }
    // Whoever may see all is told what it was.
    let any = api.asked(&get("/payments/plain-9", &token("ops", "accounts:any"))).await.0;
    assert_eq!(body(&any)["reason"]["name"], "insufficient_funds");
}

/// An account that is paused for a command, and one that can't be read, look like any other to a stranger: the same
/// answer as that of an open one or of a missing one, after as many calls.
#[tokio::test(start_paused = true)]
async fn a_strangers_pause_or_damage_is_not_found_out() {
    let mut api = Guarded::new(owners()).await;
    api.watched.damaged = "p1".parse().ok();
    let (store, ann) = (&api.watched.store, token("ann", ""));
    let until = Timestamp::try_from_millis(clock::now().millis() + 10_000).unwrap();
    store.insert_account(Account { paused_until: Some(until), ..account("paused").owned_by("fay") });
    store.insert_account(account("odd").owned_by("fay"));
    store.plant_corrupt_account(&id("odd"));
    let dry = |creditor: &str| post("/payments?dry_run=true", &payment("alice", creditor, 5), &ann);
    let told = |(response, calls): (Response, Vec<&'static str>)| {
        let mut told = body(&response);
        told["decided_at"].take();
        told["creditor_account"].take();
        (response.status_code, told, calls)
    };
    assert_eq!(told(api.asked(&dry("paused")).await), told(api.asked(&dry("poor")).await));
    assert_eq!(told(api.asked(&dry("odd")).await), told(api.asked(&dry("gone")).await));
    let eve = token("eve", "");
    assert_eq!(api.asked(&get("/payments/p1", &eve)).await, api.asked(&get("/payments/gone", &eve)).await);
    assert_eq!(api.status(&get("/payments/p1", &token("ops", "accounts:any"))).await, "500 internal");
}

/// A refund's creditor is known only from its original. Whoever owns it too is told as much by each route.
#[tokio::test]
async fn the_creditor_of_a_refund_is_told_its_own_reason() {
    let api = Guarded::new(owners()).await;
    api.watched.store.insert_account(account("alice").owned_by("sue").status(AccountStatus::Frozen));
    let refund = r#"{"original_payment_id":"p1","debtor_account":"shop","amount":1}"#;
    let (response, _) = api.asked(&post("/refunds?dry_run=true", refund, &token("sue", ""))).await;
    assert_eq!(body(&response)["reason"]["name"], "creditor_frozen");
}

/// A refund of what isn't the caller's is one answer, whatever it is.
#[tokio::test]
async fn a_strangers_payment_is_not_found_out_by_a_refund() {
    let api = Guarded::new(owners()).await;
    let mut answers = Vec::new();
    for original in ["p1", "p2", "p3", "r1", "gone"] {
        let refund = json!({ "original_payment_id": original, "debtor_account": "poor", "amount": 5 }).to_string();
        let (response, calls) = api.asked(&post("/refunds?dry_run=true", &refund, &token("pia", ""))).await;
        let mut told = body(&response);
        assert_eq!(told["reason"], json!({ "code": "MS03", "name": "original_unavailable" }), "{original}");
        told["refund_of"].take();
        told["decided_at"].take();
        answers.push((told, calls));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

/// Who asked is told to whoever asked, and to nobody on the other side.
#[tokio::test]
async fn who_asked_is_not_told_to_the_other_side() {
    let api = Guarded::new(owners()).await;
    let request = giro::domain::Request::new(
        giro_testkit::given::payment("p9", "alice", "shop", 5).into(),
        giro_testkit::given::source(0, 99),
    );
    let by = request.by(Principal::try_new("ann").ok());
    settle(&api.watched.store, vec![by]).await;
    for (caller, expected) in [
        (token("ann", ""), json!("ann")),
        (token("sue", ""), Value::Null),
        (token("ops", "accounts:any"), json!("ann")),
    ] {
        let (response, _) = api.asked(&get("/payments/p9", &caller)).await;
        assert_eq!(body(&response)["requested_by"], expected, "{caller}");
    }
}

/// What a hostile caller may try: any route, ids that are there and ids that aren't, and every odd field.
fn any_request() -> impl Strategy<Value = Value> {
    let account = prop_oneof!["alice|alice-2|shop|poor|full|frozen|bank", "[a-z]{1,6}", "[ -~]{0,3}"];
    let payment = prop_oneof!["p1|p2|p3|r1", "[a-z0-9]{1,6}", "p1/2"];
    let caller = prop_oneof![
        Just(token("eve", "")),
        Just(token("", "payments accounts")),
        Just(token("", "payments:any")),
        Just(token("eve", "payments:anything accounts:own")),
        Just(json!({ "jwt": { "claims": { "sub": "eve", "owner": "ann" } } })),
        Just(json!({ "jwt": { "claims": null } })),
        Just(json!({ "iam": { "userArn": "arn:aws:sts::1:assumed-role/eve/ann" } })),
        Just(json!({ "lambda": { "sub": "ann" } })),
        Just(Value::Null),
    ];
    let amount = prop_oneof![1_u64..100, Just(5_000), Just(9_007_199_254_740_991)];
    let what = (account.clone(), account.clone(), account, payment.clone(), payment, amount, caller);
    (what, 0..11_u8, any::<bool>()).prop_map(|((one, two, three, this, that, amount, caller), kind, dry)| {
        let dry = if dry { "?dry_run=true" } else { "" };
        let leg = |debtor: &str| {
            json!({ "debtor_account": debtor, "creditor_account": three, "amount": amount, "currency": "EUR" })
        };
        match kind {
            0 => get(&format!("/accounts/{one}"), &caller),
            1 => get(&format!("/accounts/{one}/statement?limit=3"), &caller),
            2 => get(&format!("/payments/{this}"), &caller),
            3 => get(&format!("/payments/{this}?fingerprint={}", "0".repeat(64)), &caller),
            4 => get(&format!("/refunds/{this}"), &caller),
            9 => get(&format!("/accounts/{one}/balance?at=2025-06-30T00:00:00Z"), &caller),
            10 => get(&format!("/accounts/{one}/statement?balances=true"), &caller),
            5 | 6 => {
                let asked = json!({ "payment_id": that, "debtor_account": one, "creditor_account": two,
                    "amount": amount, "currency": "EUR" });
                post(&format!("/payments{dry}"), &asked.to_string(), &caller)
            }
            7 => {
                let asked = json!({ "payment_id": that, "debtor_account": one, "legs": [leg(&two), leg(&one)] });
                post(&format!("/payments{dry}"), &asked.to_string(), &caller)
            }
            _ => {
                let asked = json!({ "refund_id": that, "original_payment_id": this, "debtor_account": one,
                    "amount": amount });
                post(&format!("/refunds{dry}"), &asked.to_string(), &caller)
            }
        }
    })
}

/// 2,000 requests of principals that own nothing. A world where all exists and one where nothing does answer the same
/// bytes, after the same calls to the store. Nothing moves, and nothing is handed over.
#[test]
fn who_owns_nothing_learns_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (full, empty) = (runtime.block_on(Guarded::new(owners())), Guarded::empty(owners()));
    let before = (runtime.block_on(full.watched.store.accounts()).unwrap(), full.topics.records(TOPIC).len());
    let mut statuses: BTreeMap<u16, u32> = BTreeMap::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..2_000 {
        let asked = any_request().new_tree(&mut runner).unwrap().current();
        let (there, calls) = runtime.block_on(full.asked(&asked));
        let (nowhere, others) = runtime.block_on(empty.asked(&asked));
        assert_eq!((&there, &calls), (&nowhere, &others), "{asked}");
        *statuses.entry(there.status_code).or_default() += 1;
    }
    assert_eq!(runtime.block_on(full.watched.store.accounts()).unwrap(), before.0, "nothing moved");
    assert_eq!((full.topics.records(TOPIC).len(), empty.topics.records(TOPIC).len()), (before.1, 0));
    // Each answer was seen often, and none of them is a success.
    assert!(statuses.keys().all(|status| [400, 403, 404].contains(status)), "{statuses:?}");
    assert!(statuses.values().all(|&count| count > 50) && statuses.len() == 3, "{statuses:?}");
}

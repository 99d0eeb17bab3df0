//! Who may do what over HTTP, and what is told to whom.

use std::collections::BTreeMap;

use giro::domain::caller::{Authorization, Owners};
use giro::domain::{Account, AccountStatus, Limits, Principal, Request, Timestamp};
use giro::handlers::clock;
use giro::handlers::payment_api::PaymentApi;
use giro::store::LedgerQueries;
use giro::wire::http::Response;
use giro_testkit::given::{self, Setters as _, account, id};
use giro_testkit::memory_store::{self, MemoryStore};
use giro_testkit::memory_topics::MemoryTopics;
use lambda_runtime::LambdaEvent;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::watched::Watched;
use super::{TOPIC, body, description, event, problem, process};
use crate::handlers::invoked::context;

fn owners() -> Owners {
    Owners { claim: "sub".into(), scope_prefix: String::new(), scopes: BTreeMap::new(), id_prefixes: BTreeMap::new() }
}

/// `alice` and `alice-2` are ann's, `shop` is sue's, `poor` and `full` are nobody's that asks here. `alice` has paid
/// `p1`, of which sue gave a part back with `r1`. `p2` was declined, and `p3` has legs.
async fn ledger() -> (MemoryStore, MemoryTopics) {
    let (store, topics) = (MemoryStore::with_faults(memory_store::Faults::default()), MemoryTopics::new());
    let owned = |name: &str, owner: &str| account(name).owned_by(owner);
    let accounts = [
        owned("alice", "ann").limit(5_000),
        owned("alice-2", "ann"),
        owned("shop", "sue").lanes(2),
        owned("poor", "pia"),
        owned("full", "fay").holding(90).limits(Limits { max_balance: Some(100), ..Limits::NONE }),
        owned("frozen", "fay").status(AccountStatus::Frozen),
        account("bank").unlimited(),
    ];
    accounts.into_iter().for_each(|account| store.insert_account(account));
    let api = PaymentApi::new(store.clone(), topics.clone(), TOPIC);
    for (path, request) in [
        (
            "/payments",
            r#"{"payment_id":"p1","debtor_account":"alice","creditor_account":"shop","amount":70,"currency":"EUR"}"#,
        ),
        ("/refunds", r#"{"refund_id":"r1","original_payment_id":"p1","debtor_account":"shop","amount":20}"#),
        (
            "/payments",
            r#"{"payment_id":"p2","debtor_account":"alice","creditor_account":"gone","amount":7,"currency":"EUR"}"#,
        ),
        (
            "/payments",
            r#"{"payment_id":"p3","debtor_account":"alice","legs":[
                {"creditor_account":"shop","amount":9,"currency":"EUR"},
                {"debtor_account":"shop","creditor_account":"bank","amount":1,"currency":"EUR"}]}"#,
        ),
    ] {
        let request = serde_json::from_str(&post(path, request, &json!({})).to_string()).unwrap();
        assert_eq!(api.handle(LambdaEvent::new(request, context())).await.unwrap().status_code, 202);
    }
    process(&store, &topics, 0).await;
    (store, topics)
}

fn post(path: &str, body: &str, authorizer: &Value) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut event = event("POST", path, query);
    event["body"] = body.into();
    event["headers"]["Content-Type"] = "application/json".into();
    event["requestContext"]["authorizer"] = authorizer.clone();
    event
}

fn get(path: &str, authorizer: &Value) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut event = event("GET", path, query);
    event["requestContext"]["authorizer"] = authorizer.clone();
    event
}

fn token(subject: &str, scope: &str) -> Value {
    json!({ "jwt": { "claims": { "sub": subject, "scope": scope }, "scopes": null } })
}

/// An API over a store whose calls are noted.
struct Guarded {
    watched: Watched,
    topics: MemoryTopics,
    owners: Owners,
}

impl Guarded {
    async fn new(owners: Owners) -> Self {
        let (store, topics) = ledger().await;
        Self { watched: Watched::new(store), topics, owners }
    }

    /// An API whose store holds nothing.
    fn empty(owners: Owners) -> Self {
        let store = MemoryStore::with_faults(memory_store::Faults::default());
        Self { watched: Watched::new(store), topics: MemoryTopics::new(), owners }
    }

    /// The answer, and the calls that it took.
    async fn asked(&self, event: &Value) -> (Response, Vec<&'static str>) {
        let authorization = Authorization::Owners(self.owners.clone());
        let api = PaymentApi::new(&self.watched, self.topics.clone(), TOPIC).with_authorization(authorization);
        let request = serde_json::from_str(&event.to_string()).unwrap();
        let response = api.handle(LambdaEvent::new(request, context())).await.unwrap();
        description::documented(event, &response);
        (response, self.watched.calls())
    }

    async fn status(&self, event: &Value) -> String {
        let (response, _) = self.asked(event).await;
        if response.status_code < 300 { response.status_code.to_string() } else { problem(&response) }
    }
}

fn payment(debtor: &str, creditor: &str, amount: u64) -> String {
    json!({ "payment_id": format!("{debtor}-{creditor}-{amount}"), "debtor_account": debtor,
        "creditor_account": creditor, "amount": amount, "currency": "EUR" })
    .to_string()
}

/// Who may pay, by the table of `authorization`: the owner of every debtor, or the scope.
#[tokio::test]
async fn only_the_owner_of_every_debtor_or_the_scope_may_pay() {
    let api = Guarded::new(owners()).await;
    let (ann, bob) = (token("ann", ""), token("bob", ""));
    let any = token("bob", "openid payments:any");
    let legs = |debtor: &str| {
        json!({ "payment_id": format!("legs-{debtor}"), "debtor_account": "alice", "legs": [
            { "creditor_account": "shop", "amount": 5, "currency": "EUR" },
            { "debtor_account": debtor, "creditor_account": "bank", "amount": 5, "currency": "EUR" },
        ] })
        .to_string()
    };
    let refund = r#"{"refund_id":"r2","original_payment_id":"p1","debtor_account":"shop","amount":1}"#;
    for (path, request, caller, expected) in [
        ("/payments", payment("alice", "shop", 5), &ann, "202"),
        ("/payments", payment("alice", "nowhere", 5), &ann, "202"),
        ("/payments", payment("shop", "alice", 5), &ann, "403 not-allowed"),
        ("/payments", payment("nowhere", "alice", 5), &ann, "403 not-allowed"),
        ("/payments", payment("bank", "alice", 5), &ann, "403 not-allowed"),
        ("/payments", payment("bank", "alice", 5), &any, "202"),
        ("/payments", payment("alice", "bob", 5), &bob, "403 not-allowed"),
        ("/payments", payment("alice", "shop", 6), &json!({}), "403 not-allowed"),
        ("/payments", payment("alice", "shop", 6), &Value::Null, "403 not-allowed"),
        ("/payments", legs("alice"), &ann, "202"),
        // Nobody composes legs that take from a stranger's account, even if it gains as much in the same payment.
        ("/payments", legs("shop"), &ann, "403 not-allowed"),
        ("/payments", legs("bank"), &ann, "403 not-allowed"),
        ("/payments", legs("bank"), &any, "202"),
        ("/refunds", refund.to_owned(), &ann, "403 not-allowed"),
        ("/refunds", refund.to_owned(), &token("sue", ""), "202"),
        ("/payments?dry_run=true", payment("shop", "alice", 5), &ann, "403 not-allowed"),
        ("/payments?dry_run=true", payment("alice", "shop", 5), &ann, "200"),
    ] {
        assert_eq!(api.status(&post(path, &request, caller)).await, expected, "{path} {request} {caller}");
    }
}

/// Who may read, by the same table.
#[tokio::test]
async fn only_the_owner_of_a_party_or_the_scope_may_read() {
    let api = Guarded::new(owners()).await;
    let (ann, sue, bob, any) = (token("ann", ""), token("sue", ""), token("bob", ""), token("bob", "accounts:any"));
    for (path, caller, expected) in [
        ("/accounts/alice", &ann, "200"),
        ("/accounts/alice", &sue, "404 account-not-found"),
        ("/accounts/alice", &any, "200"),
        ("/accounts/alice/statement", &ann, "200"),
        ("/accounts/alice/statement", &bob, "404 account-not-found"),
        ("/accounts/bank", &ann, "404 account-not-found"),
        ("/payments/p1", &ann, "200"),
        ("/payments/p1", &sue, "200"),
        ("/payments/p1", &bob, "404 payment-not-found"),
        ("/payments/p1", &any, "200"),
        ("/payments/p3", &sue, "200"),
        ("/payments/p3", &bob, "404 payment-not-found"),
        ("/refunds/r1", &ann, "200"),
        ("/refunds/r1", &bob, "404 refund-not-found"),
        ("/refunds/p1", &ann, "404 refund-not-found"),
        (
            "/payments/p1?fingerprint=0000000000000000000000000000000000000000000000000000000000000000",
            &bob,
            "404 payment-not-found",
        ),
        // A scope for payments lets nobody read.
        ("/accounts/alice", &token("bob", "payments:any"), "404 account-not-found"),
    ] {
        assert_eq!(api.status(&get(path, caller)).await, expected, "{path} {caller}");
    }
}

/// The principal goes with the record. It comes from the claim, from the ARN without the session, or from nowhere.
#[tokio::test]
async fn the_record_says_who_asked() {
    let role = "arn:aws:sts::123456789012:assumed-role/pay+role";
    let scopes = [(Principal::try_new(role).unwrap(), vec!["payments:any".to_owned()])].into();
    let user = "arn:aws:iam::123456789012:user/team/ann";
    let api = Guarded::new(Owners { scopes, ..owners() }).await;
    api.watched.store.insert_account(account("user").owned_by(user));
    let iam = |arn: &str| json!({ "iam": { "userArn": arn, "accountId": "123456789012" } });
    for (caller, debtor, expected) in [
        (token("ann", ""), "alice", Some("ann")),
        (iam(&format!("{role}/session-1")), "bank", Some(role)),
        (iam(user), "user", Some(user)),
    ] {
        let before = api.topics.records(TOPIC).len();
        assert_eq!(api.status(&post("/payments", &payment(debtor, "shop", 11), &caller)).await, "202", "{caller}");
        let record = api.topics.records(TOPIC).swap_remove(before);
        let [header] = record.headers.as_slice() else { panic!("one header: {:?}", record.headers) };
        assert_eq!(header.name, "giro-requested-by");
        assert_eq!(header.value.as_deref().map(|value| std::str::from_utf8(value).unwrap()), expected);
    }
    // A role that may do less doesn't become more by the name of its session.
    let other = iam("arn:aws:sts::123456789012:assumed-role/other/pay+role");
    assert_eq!(api.status(&post("/payments", &payment("bank", "shop", 12), &other)).await, "403 not-allowed");
}

/// Scopes stand in `scope` or `scp`, as words or as a list, with the prefix of the resource server if one is set.
#[tokio::test]
async fn scopes_are_whole_words() {
    for (prefix, claim, text, expected) in [
        ("", "scope", "payments:any", "202"),
        ("", "scp", "[openid payments:any]", "202"),
        ("", "scp", "[payments:any,openid]", "202"),
        ("giro/", "scope", "giro/payments:any", "202"),
        ("giro/", "scope", "payments:any", "403 not-allowed"),
        ("", "scope", "giro/payments:any", "403 not-allowed"),
        ("", "scope", "payments:anyone", "403 not-allowed"),
        ("", "roles", "payments:any", "403 not-allowed"),
    ] {
        let api = Guarded::new(Owners { scope_prefix: prefix.into(), ..owners() }).await;
        let caller = json!({ "jwt": { "claims": { "sub": "bob", claim: text } } });
        let status = api.status(&post("/payments", &payment("bank", "shop", 1), &caller)).await;
        assert_eq!(status, expected, "{prefix} {claim} {text}");
    }
}

/// If prefixes are registered, nobody can take an id of somebody else.
#[tokio::test]
async fn ids_carry_the_prefix_of_their_principal() {
    let id_prefixes =
        [("ann", "an-"), ("sue", "su-")].map(|(of, prefix)| (Principal::try_new(of).unwrap(), prefix.into()));
    let api = Guarded::new(Owners { id_prefixes: id_prefixes.into(), ..owners() }).await;
    let request = |id: &str| {
        let payment = payment("alice", "shop", 3);
        let mut payment: Value = serde_json::from_str(&payment).unwrap();
        payment["payment_id"] = id.into();
        payment.to_string()
    };
    for (caller, id, expected) in [
        (token("ann", ""), "an-1", "202"),
        (token("ann", ""), "su-1", "403 id-not-allowed"),
        (token("pia", ""), "pi-1", "403 id-not-allowed"),
        (token("pia", "payments:any"), "pi-1", "202"),
        (token("ann", "payments:any"), "su-1", "403 id-not-allowed"),
    ] {
        assert_eq!(api.status(&post("/payments", &request(id), &caller)).await, expected, "{caller} {id}");
    }
    // A dry run takes no id.
    let (answer, _) = api.asked(&post("/payments?dry_run=true", &request("su-1"), &token("ann", ""))).await;
    assert_eq!(answer.status_code, 200);
}

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
        super::settle(&api.watched.store, vec![plain, legged]).await;
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

/// Whoever has the scope and can't be named moves nothing: every payment tells who asked.
#[tokio::test]
async fn a_caller_without_a_name_moves_nothing() {
    let api = Guarded::new(owners()).await;
    let long = "x".repeat(129);
    for name in [json!(null), json!(""), json!("a b"), json!("none"), json!(long), json!(7)] {
        let caller = json!({ "jwt": { "claims": { "sub": name, "scope": "payments:any" } } });
        let status = api.status(&post("/payments", &payment("bank", "shop", 1), &caller)).await;
        assert_eq!(status, "403 not-allowed", "{name}");
    }
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
    super::settle(&api.watched.store, vec![by]).await;
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
    (what, 0..9_u8, any::<bool>()).prop_map(|((one, two, three, this, that, amount, caller), kind, dry)| {
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

//! Who may do what over HTTP. `hidden` holds what is told to nobody else.

mod hidden;

use std::collections::BTreeMap;

use giro::domain::caller::{Authorization, Owners};
use giro::domain::{AccountStatus, Limits, Principal};
use giro::handlers::payment_api::PaymentApi;
use giro::wire::http::Response;
use giro_testkit::given::{Setters as _, account};
use giro_testkit::memory_store::{self, MemoryStore};
use giro_testkit::memory_topics::MemoryTopics;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use super::watched::Watched;
use super::{TOPIC, description, event, problem, process};
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

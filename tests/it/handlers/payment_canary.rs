//! The canary on topics in memory: what it asks for, and what it says of each end.

use std::time::Duration;

use giro::handlers::payment_canary::{PaymentCanary, Route};
use giro::publish::Publish;
use giro::wire::payment_request;
use giro::wire::scheduled::AnyEvent;
use giro_testkit::memory_topics::{Faults, MemoryTopics};
use lambda_runtime::{Diagnostic, LambdaEvent};

use crate::handlers::invoked::context;

fn canary(topics: &MemoryTopics) -> PaymentCanary<MemoryTopics, MemoryTopics> {
    let accounts = ["canary-1", "canary-2"].map(|id| id.parse().unwrap());
    let route = Route { requests: "requests".into(), outcomes: "outcomes".into(), accounts };
    PaymentCanary::new(topics.clone(), topics.clone(), route)
}

/// Answers as a function's invocation would: the seconds, or the error's text.
async fn invoked(topics: &MemoryTopics, request_id: &str) -> Result<f64, String> {
    let mut context = context();
    context.request_id = request_id.into();
    let answer = canary(topics).handle(LambdaEvent::new(AnyEvent, context)).await;
    answer.map(|answer| answer.seconds).map_err(|error| {
        let Diagnostic { error_type, error_message } = error.into();
        assert_eq!(error_type, "Giro.Canary");
        error_message
    })
}

/// Publishes these outcomes, once both requests are there: who, and what is told.
async fn tell(topics: &MemoryTopics, outcomes: &[(&str, &str)]) {
    while topics.records("requests").len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (id, decided) in outcomes {
        let source = r#"{"topic":"requests","partition":0,"offset":0}"#;
        let accounts = r#""debtor_account":"canary-1","creditor_account":"canary-2","amount":1,"currency":"XTS""#;
        let at = r#""decided_at":"2026-11-30T10:00:00.000Z""#;
        let value = format!(r#"{{"payment_id":"{id}",{decided},{accounts},{at},"source":{source}}}"#);
        let sending = topics.send("outcomes", Some(id.as_bytes()), Some(value.as_bytes()), &[]).await;
        sending.unwrap().placed().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

const SETTLED: &str = r#""status":"settled","reason":null"#;
const DECLINED: &str = r#""status":"declined","reason":{"code":"AC02","name":"debtor_not_found"}"#;

#[tokio::test(start_paused = true)]
async fn payments_that_are_settled_and_told_are_well() {
    for order in [["canary-i1-out", "canary-i1-back"], ["canary-i1-back", "canary-i1-out"]] {
        let topics = MemoryTopics::new();
        // An outcome of before, and one of somebody else, are not its own.
        topics.send("outcomes", Some(b"canary-i1-out"), Some(b"{}"), &[]).await.unwrap().placed().await.unwrap();
        let outcomes = [("other", DECLINED), (order[0], SETTLED), (order[1], SETTLED)];
        let (answer, ()) = tokio::join!(invoked(&topics, "i1"), tell(&topics, &outcomes));
        // The second outcome came two seconds after the requests.
        assert!((2.0..2.2).contains(&answer.clone().unwrap()), "{answer:?}");
        let mut parties = Vec::new();
        for request in topics.records("requests") {
            let payment = payment_request::decode_json(request.value.as_ref().unwrap()).unwrap();
            assert_eq!(
                request.key.as_deref(),
                Some(payment.debtor.as_str().as_bytes()),
                "a record's key is its debtor"
            );
            assert_eq!((payment.amount.minor_units(), payment.currency.as_str()), (1, "XTS"));
            parties.push((payment.debtor.to_string(), payment.creditor.to_string()));
        }
        let [one, other] = ["canary-1", "canary-2"].map(str::to_owned);
        // They are handed over side by side.
        parties.sort();
        assert_eq!(parties, [(one.clone(), other.clone()), (other, one)], "together they move nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn each_end_that_is_not_well_says_what_is_wrong() {
    let both = |out, back| [("canary-i1-out", out), ("canary-i1-back", back)];
    for (outcomes, error) in [
        (&[][..], "the payment out has no outcome in time"),
        (&both(SETTLED, SETTLED)[1..], "the payment out has no outcome in time"),
        (&both(SETTLED, SETTLED)[..1], "the payment back has no outcome in time"),
        (&both(DECLINED, SETTLED), "the payment out was not settled: debtor_not_found"),
        (&both(SETTLED, DECLINED), "the payment back was not settled: debtor_not_found"),
        (&both(r#""status":"maybe""#, SETTLED), "the payment out was not settled: not an outcome: status"),
    ] {
        let topics = MemoryTopics::new();
        let (answer, ()) = tokio::join!(invoked(&topics, "i1"), tell(&topics, outcomes));
        let told = answer.unwrap_err();
        assert!(told.starts_with(error), "{told}, not {error}");
    }
    let topics = MemoryTopics::with_faults(Faults { lost: 1_000, ..Faults::default() });
    let told = invoked(&topics, "i1").await.unwrap_err();
    assert!(told.contains(" was not handed over: the broker did not acknowledge a record"), "{told}");
    let told = invoked(&MemoryTopics::new(), "no id").await.unwrap_err();
    assert!(told.starts_with("the invocation's id can't be part of a payment's: expected 1 to 64"), "{told}");
}

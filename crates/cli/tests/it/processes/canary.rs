//! The canary as a process: its payment goes the whole way, and a way that stands still is told.

use std::time::Duration;

use giro::domain::{Account, Currency, OverdraftLimit};
use giro::store::LedgerQueries as _;
use giro_cli::local::invoke::{InvokeError, Invoker};
use giro_cli::local::stack::{KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_testkit::given::{self, Setters as _};
use giro_testkit::open_accounts::OpenAccounts as _;
use serde_json::Value;

use super::stack::{ledger, missing_for_apache_kafka, options, template_with};

const PAYMENT_CANARY: &str = "payment-canary";

fn way_of(kafka: KafkaEngine, way: &[&str]) -> StackOptions {
    let parameters = [("CanaryAccounts".to_owned(), "canary-1,canary-2".to_owned())].into();
    let run = Run::Only(way.iter().map(|&it| it.to_owned()).collect());
    StackOptions { run, parameters, ..options(kafka) }
}

/// What an invocation answers: the seconds, or the error.
async fn invoked(stack: &Stack) -> Result<f64, String> {
    let invoker = Invoker::new(Some(&stack.endpoints().lambda), PAYMENT_CANARY, Duration::from_secs(90)).await.unwrap();
    match invoker.invoke(br#"{"source":"aws.scheduler"}"#.to_vec()).await {
        Ok(answer) => Ok(serde_json::from_slice::<Value>(&answer).unwrap()["seconds"].as_f64().unwrap()),
        Err(InvokeError::Function { said, .. }) => {
            let told: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(told["errorType"], "Giro.Canary", "{told}");
            Err(told["errorMessage"].as_str().unwrap().to_owned())
        }
        Err(error) => panic!("{error:?}"),
    }
}

async fn pays(kafka: KafkaEngine) {
    let way = [PAYMENT_PROCESSOR, OUTCOME_PUBLISHER, PAYMENT_CANARY];
    let stack = Stack::start(way_of(kafka, &way)).await.unwrap();
    let declined = invoked(&stack).await.unwrap_err();
    assert!(
        declined.starts_with("the payment ") && declined.ends_with("was not settled: debtor_not_found"),
        "{declined}"
    );
    let ledger = ledger(&stack).await;
    for id in ["canary-1", "canary-2"] {
        let overdraft_limit = OverdraftLimit::Unlimited;
        let account = Account { overdraft_limit, ..given::account(id).currency(Currency::TESTING) };
        assert_eq!(ledger.open_account(&account).await, Ok(None));
    }
    for _ in 0..3 {
        let seconds = invoked(&stack).await.unwrap();
        assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
    }
    let payments = ledger.payments().await.unwrap();
    let settled = payments.iter().filter(|payment| payment.outcome.decision.is_ok()).count();
    assert_eq!(settled, 6, "each invocation is a payment each way");
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn its_payment_goes_the_whole_way_on_the_embedded_kafka() {
    pays(KafkaEngine::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_payment_goes_the_whole_way_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    pays(KafkaEngine::Apache).await;
}

/// Nobody publishes outcomes. The request was taken, so only the end of the way tells it.
#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_stands_still_is_an_error() {
    // An invocation waits as long as it may.
    let templates = template_with("template.yaml", "    Timeout: 60\n", "    Timeout: 8\n");
    let way = [PAYMENT_PROCESSOR, PAYMENT_CANARY];
    let stack = Stack::start(StackOptions { templates, ..way_of(KafkaEngine::Embedded, &way) }).await.unwrap();
    let error = invoked(&stack).await.unwrap_err();
    assert!(error == "the payment out has no outcome in time", "{error}");
    stack.stop().await.unwrap();
}

//! What: Tests of when a client is replaced, on a clock of their own.

use rdkafka::ClientContext as _;
use rdkafka::producer::Producer as _;

use super::*;
use crate::publish::kafka::Identity;
use crate::publish::kafka::token::Token;

fn settings() -> Settings {
    let (linger, delivery_timeout) = (Duration::ZERO, Duration::from_secs(5));
    Settings { bootstrap_servers: "127.0.0.1:1".into(), access: None, linger, delivery_timeout }
}

fn client() -> Client {
    Client::new(&settings(), Identity::None.into()).unwrap()
}

fn after(time: SystemTime, milliseconds: u64) -> SystemTime {
    time.checked_add(Duration::from_millis(milliseconds)).unwrap()
}

fn fit(client: &Arc<Client>, since: SystemTime, milliseconds: u64) -> bool {
    Client::is_fit(client, after(since, milliseconds))
}

/// Used a millisecond before this.
fn used(client: &Client) -> SystemTime {
    client.used();
    after(SystemTime::now(), 1)
}

#[test]
fn an_idle_client_is_not_used_again() {
    let client = Arc::new(client());
    let now = used(&client);
    assert_eq!([0, 4_900, 5_000].map(|ms| fit(&client, now, ms)), [true, true, false]);
    let waits = Arc::clone(&client);
    assert!(fit(&client, now, 60_000), "somebody waits for an answer");
    drop(waits);
    let before = now.checked_sub(Duration::from_secs(60)).unwrap();
    assert!(!Client::is_fit(&client, before), "the clock was set back");
}

/// A freeze that is too short for an idle client may still be too long for its token.
#[test]
fn a_client_whose_token_expired_is_not_used_again() {
    let client = Arc::new(client());
    let now = used(&client);
    let expires_at_ms = i64::try_from(milliseconds_of(after(now, 4_000))).unwrap();
    client.token.note(&Token { token: "t".into(), expires_at_ms }, now);
    let _waits = Arc::clone(&client);
    assert_eq!([0, 3_500, 3_700, 4_000].map(|ms| fit(&client, now, ms)), [true, true, false, false]);
}

/// The first client may fail as soon as it likes. The one in its place is kept for a second.
#[tokio::test]
async fn a_client_that_failed_is_replaced_at_once_and_then_once_a_second() {
    let first = Arc::new(client());
    let now = used(&first);
    assert!(fit(&first, now, 0));
    first.fail();
    assert_eq!((fit(&first, now, 0), first.rest(now)), (false, Duration::ZERO));
    let second = Arc::new(first.renewed(&settings(), now).await.unwrap());
    assert_eq!(second.rest(after(now, 400)), Duration::from_millis(600));
    second.fail();
    assert_eq!([0, 999, 1_000].map(|ms| fit(&second, now, ms)), [true, true, false]);
    assert_eq!(second.rest(after(now, 1_000)), Duration::ZERO);
    // It was idle, and had not failed.
    let third = client();
    let fourth = third.renewed(&settings(), now).await.unwrap();
    assert_eq!(fourth.rest(now), Duration::ZERO);
}

/// A password that was changed is read again before the next record, and not only once a record was given up.
#[tokio::test]
async fn a_client_whose_login_was_refused_is_not_used_again() {
    for (code, is_fit) in [
        (RDKafkaErrorCode::Authentication, false),
        (RDKafkaErrorCode::SSL, false),
        (RDKafkaErrorCode::BrokerTransportFailure, true),
        (RDKafkaErrorCode::AllBrokersDown, true),
    ] {
        let client = Arc::new(client());
        let now = used(&client);
        client.producer().context().error(KafkaError::Global(code), "it says so");
        assert_eq!(fit(&client, now, 0), is_fit, "{code:?}");
        let next = client.renewed(&settings(), now).await.unwrap();
        assert_eq!(next.rest(now).is_zero(), is_fit, "the next one is kept for a second");
    }
}

//! A process that is frozen between its calls, as Lambda freezes a function: its connections die meanwhile, and nobody
//! tells it. Its next record must be published nevertheless.
//!
//! `GIRO_FREEZE_SECONDS` asks for a longer freeze than the short form's.

mod proxy;
mod refused;

use std::time::{Duration, Instant};

use giro::publish::Publish as _;
use giro::publish::kafka::{Identity, KafkaProducer};
use giro_cli::local::kafka::{EmbeddedKafka, REQUESTS_TOPIC};
use giro_cli::local::stack::{KafkaEngine, Run, Stack, StackOptions};

use crate::processes::complaints::topics;
use crate::processes::e2e::setting;
use crate::processes::stack::{http, payment};
use proxy::Proxy;

/// A little longer than a client may be idle.
const SHORT_FREEZE: usize = 6;
/// How long a record may take. A client that waits on a dead connection needs half of it at least.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// A tenth of what a client waits on a dead connection.
const AT_ONCE: Duration = Duration::from_secs(3);

fn freeze() -> Duration {
    Duration::from_secs(setting("GIRO_FREEZE_SECONDS", SHORT_FREEZE) as u64)
}

async fn behind_a_proxy() -> (EmbeddedKafka, Proxy) {
    let kafka = topics().await;
    let proxy = Proxy::start(kafka.bootstrap_servers()).await;
    (kafka, proxy)
}

fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "{name} {pid}");
}

/// `payment-api` on a broker, and its one process.
struct Api {
    stack: Stack,
    endpoint: String,
    pid: u32,
}

impl Api {
    /// Starts it, and sends its first request.
    async fn start(kafka: &str) -> Self {
        let options = StackOptions {
            kafka: KafkaEngine::External(kafka.to_owned()),
            run: Run::Only(vec!["payment-api".to_owned()]),
            ..StackOptions::default()
        };
        let stack = Stack::start(options).await.unwrap();
        let endpoint = stack.endpoints().http.clone().unwrap();
        let first = tokio::spawn(post(endpoint.clone(), "before"));
        let busy = async {
            loop {
                match stack.busy_pids("payment-api").first() {
                    Some(&pid) => return pid,
                    None => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
        };
        let pid = tokio::time::timeout(DELIVERY_TIMEOUT, busy).await.expect("a process takes the request");
        let (status, head, body) = first.await.unwrap();
        assert_eq!(status, 202, "{head} {body}");
        Self { stack, endpoint, pid }
    }

    /// Stops the process for a while. Its connections die meanwhile, and nobody tells it.
    async fn freeze(&self, proxy: &Proxy) {
        signal("-STOP", self.pid);
        proxy.kill_silently();
        tokio::time::sleep(freeze()).await;
        signal("-CONT", self.pid);
    }

    /// Sends a payment of this id.
    async fn post(&self, id: &str) -> (u16, String, String) {
        post(self.endpoint.clone(), id).await
    }
}

async fn post(endpoint: String, id: &str) -> (u16, String, String) {
    http(&endpoint, "POST /payments", &payment(id, "alice", "shop", 1)).await
}

/// Lambda answers a request of a function whose process was frozen since the last one. Its connections are dead. It is
/// 202 in the first try, and not 503 after the delivery time-out.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_after_a_freeze_is_taken() {
    let (_kafka, proxy) = behind_a_proxy().await;
    let api = Api::start(&proxy.address).await;
    api.freeze(&proxy).await;
    let (before, asked_at) = (proxy.connections(), Instant::now());
    let (status, head, body) = api.post("after").await;
    println!("frozen for {:?}: the next request took {:?}", freeze(), asked_at.elapsed());
    assert_eq!(status, 202, "{head} {body}");
    assert!(proxy.connections() > before, "it connected anew");
    assert_eq!(proxy.swallowed(), 0, "nothing was sent on a dead connection");
    api.stack.stop().await.unwrap();
}

/// An idle client is replaced before its connections are used. A client that is used goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_replaced_when_it_was_idle() {
    let (_kafka, proxy) = behind_a_proxy().await;
    let producer = KafkaProducer::new(&proxy.address, Identity::None.into(), Duration::ZERO, DELIVERY_TIMEOUT).unwrap();
    let publish = || async {
        let began = Instant::now();
        let sending = producer.send(REQUESTS_TOPIC, Some(b"k"), Some(b"v"), &[]).await.unwrap();
        sending.placed().await.map(|placed| (placed.offset, began.elapsed()))
    };
    assert_eq!(publish().await.unwrap().0, 0);
    let connected = proxy.connections();
    assert_eq!(publish().await.unwrap().0, 1);
    assert_eq!(proxy.connections(), connected, "it is the same client");

    proxy.kill_silently();
    tokio::time::sleep(Duration::from_secs(SHORT_FREEZE as u64)).await;
    let (offset, took) = publish().await.unwrap();
    assert_eq!(offset, 2);
    assert!(took < AT_ONCE, "{took:?}");
}

/// A connection that dies in use costs a record half of its time. Then it gets another connection, and arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_gets_a_second_connection() {
    let (_kafka, proxy) = behind_a_proxy().await;
    let delivery_timeout = Duration::from_secs(8);
    let producer = KafkaProducer::new(&proxy.address, Identity::None.into(), Duration::ZERO, delivery_timeout).unwrap();
    for id in ["first", "second"] {
        let sending = producer.send(REQUESTS_TOPIC, Some(b"k"), Some(id.as_bytes()), &[]).await.unwrap();
        let placed = sending.placed().await;
        assert!(placed.is_ok(), "{id}: {placed:?}");
        proxy.kill_silently();
    }
    assert!(proxy.swallowed() > 0, "the second record was sent on a dead connection");
}

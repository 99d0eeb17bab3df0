//! Tokens that expire while a process is frozen, at a broker that looks at when they expire.
//!
//! A process of this very test binary publishes through a client of ours, whose tokens last for a few seconds. It is
//! stopped while it has a connection, until the broker takes its token no more. Then its next record must arrive soon.
//! MSK's own tokens are read by MSK alone. So these are unsecured JWS, which Apache Kafka reads.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use giro::publish::Publish as _;
use giro::publish::kafka::token::{NoToken, Token, TokenSource};
use giro::publish::kafka::{Identity, KafkaProducer, Login, Pem};

use super::{TOPIC, started};

/// How long a token lasts. A client that is frozen for as long is not idle yet.
const LIFE: Duration = Duration::from_secs(3);
/// How long the first record may take after that.
const SOON: Duration = Duration::from_secs(2);
/// How often that is tried, on a machine that may be busy with other tests.
const TRIES: usize = 3;
/// How long a record may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(6);
/// What a client is told that doesn't renew its tokens in time.
const UNTRUE: Duration = Duration::from_secs(3600);
/// Tells the process that it is the frozen one: the broker's address, the file of its authority, and how many seconds
/// its client is told that a token lasts.
const BROKER: &str = "GIRO_TEST_TOKEN_BROKER";
const AUTHORITY: &str = "GIRO_TEST_TOKEN_AUTHORITY";
const TOLD: &str = "GIRO_TEST_TOKEN_TOLD";

/// Makes tokens that nobody signs.
#[derive(Debug)]
struct Unsecured {
    /// How long the client is told that they last.
    told: Duration,
}

impl TokenSource for Unsecured {
    fn token(&self, now: SystemTime) -> Result<Token, NoToken> {
        let now = now.duration_since(UNIX_EPOCH).unwrap();
        let (expires, told) = (now + LIFE, now + self.told);
        let part = |json: String| URL_SAFE_NO_PAD.encode(json);
        let claims = format!(r#"{{"sub":"giro","iat":{},"exp":{}}}"#, now.as_secs_f64(), expires.as_secs_f64());
        let token = format!("{}.{}.", part(r#"{"alg":"none"}"#.into()), part(claims));
        Ok(Token { token, expires_at_ms: told.as_millis() as i64 })
    }
}

/// Publishes a record for each line that it reads, and writes how long that took. It is a test only in name: without
/// its variables it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_frozen_process() {
    let (Ok(broker), Ok(authority)) = (std::env::var(BROKER), std::env::var(AUTHORITY)) else { return };
    let told = Duration::from_secs(std::env::var(TOLD).unwrap().parse().unwrap());
    let login =
        Login { identity: Identity::Token(Arc::new(Unsecured { told })), authority: Some(Pem::File(authority)) };
    let producer = KafkaProducer::new(&broker, login, Duration::ZERO, DELIVERY_TIMEOUT).unwrap();
    for line in std::io::stdin().lines() {
        let began = Instant::now();
        let sending = producer.send(TOPIC, None, Some(line.unwrap().as_bytes()), &[]).await.unwrap();
        let placed = sending.placed().await;
        let placed = placed.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        println!("\nplaced {} {placed}", began.elapsed().as_millis());
    }
}

/// The process, and what it answers. Killed when dropped.
struct Frozen {
    process: Child,
    answers: std::io::Lines<BufReader<ChildStdout>>,
}

impl Frozen {
    fn start(broker: &str, authority: &str, told: Duration) -> Self {
        let name = "processes::logins::tokens::the_frozen_process";
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(BROKER, broker)
            .env(AUTHORITY, authority)
            .env(TOLD, told.as_secs().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, answers }
    }

    /// Lets it publish a record. Gives how long that took by its own clock, and what became of the record.
    fn publish(&mut self) -> (Duration, String) {
        writeln!(self.process.stdin.as_mut().unwrap(), "x").unwrap();
        loop {
            let line = self.answers.next().expect("it goes on").unwrap();
            if let Some((took, placed)) = line.strip_prefix("placed ").and_then(|rest| rest.split_once(' ')) {
                return (Duration::from_millis(took.parse().unwrap()), placed.to_owned());
            }
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signal(name: &str, process: &Child) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Publishes, is frozen for a while, and publishes again. Gives what became of that record, and how long it took.
async fn frozen_for(freeze: Duration, frozen: &mut Frozen) -> (String, Duration) {
    assert_eq!(frozen.publish().1, "ok", "before the freeze");
    signal("-STOP", &frozen.process);
    // The time of the freeze is what is tested.
    tokio::time::sleep(freeze).await;
    signal("-CONT", &frozen.process);
    let asked_at = Instant::now();
    let (took, placed) = frozen.publish();
    println!("frozen for {freeze:?} with a token of {LIFE:?}: {placed} after {took:?}");
    (placed, asked_at.elapsed())
}

/// The first freeze is shorter than a client may be idle. The second one is longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expired_during_a_freeze_is_not_used() {
    let Some((_folder, certificates, broker)) = started().await else { return };
    let authority = certificates.path("ca.pem");
    for freeze in [LIFE, 2 * LIFE] {
        let mut tries = Vec::new();
        loop {
            let mut frozen = Frozen::start(&broker.sasl, &authority, LIFE);
            let (placed, took) = frozen_for(freeze, &mut frozen).await;
            if placed == "ok" && took < SOON {
                break;
            }
            tries.push((placed, took));
            assert!(tries.len() < TRIES, "{freeze:?}: {tries:?}");
        }
    }
    // The broker does look: it refuses a client that believes in its old token.
    let mut frozen = Frozen::start(&broker.sasl, &authority, UNTRUE);
    assert_ne!(frozen_for(LIFE, &mut frozen).await.0, "ok");
}

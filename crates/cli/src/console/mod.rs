//! What: The console: a page that shows a stack at work and what its ledger holds, and lets a person act on it.
//!
//! | part | where |
//! |---|---|
//! | the files of the page | `page`, and the folder of the same name |
//! | who may ask, and what the page may do | `gate` |
//! | what happens now | `live`, from `topics` and `newest` |
//! | how many payments are settled | `settled` |
//! | what the ledger holds | `reads`, from `accounts` |
//! | what audits have proved | `audits`, `proofs` |
//! | what changes something | `changes` |
//! | what it shows | `shown` |
//! | errors | `refusal` |
//! | what listens | here |
//!
//! Data: Takes a ledger, perhaps Kafka, and samples of a running stack. Answers a browser on this machine.
//!
//! Invariants: It listens on the loopback interface alone. What changes something needs a token, which only the address
//! holds that the person was given. Every change goes over a topic, or marks a dead letter.
//!
//! Limits: What it shows is for people. Nothing else depends on it, and its own paths may change with each version.

mod accounts;
mod audits;
mod changes;
mod gate;
mod live;
mod newest;
mod page;
mod proofs;
mod reads;
mod refusal;
mod settled;
mod shown;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell, mpsc, watch};
use tokio::task::JoinHandle;

use audits::Audits;
use changes::Changes;
use gate::{Gate, gate};
use live::Live;
use newest::Newest;
use reads::{Query, Reads};
use refusal::{Refusal, answer, found};
use settled::Wish;
pub use shown::Shown;
use topics::Watched;

use crate::decimal;
use crate::local::stack::{Sample, Topics};
use crate::local::{LocalError, OrLocalError};
use giro::domain::Currency;
use giro::handlers::clock;
use giro::store::dynamodb::DynamoDb;

/// The API's description. The page lists its routes.
const OPENAPI: &str = include_str!("../../../../docs/openapi.yaml");

/// How often pages are told what happens now.
pub const EACH: Duration = Duration::from_secs(1);

/// How long to wait before a topic is read again that couldn't be read.
const AGAIN: Duration = Duration::from_secs(5);

/// A console, running.
#[derive(Debug)]
pub struct Console {
    address: String,
    served: Arc<Served>,
    tasks: Vec<JoinHandle<()>>,
}

/// What answers need.
#[derive(Debug)]
struct Served {
    stack: Value,
    live: Live,
    newest: Newest,
    reads: Reads,
    audits: Audits,
    changes: Changes,
    ledger: Arc<DynamoDb>,
    /// DynamoDB's URL. `None`: AWS's own.
    dynamodb: Option<String>,
}

/// Takes a port, 0 for a free one, for a console to listen on.
///
/// # Errors
/// [`LocalError::Asked`] if the port is taken or isn't ours to take.
pub async fn listen(port: u16) -> Result<TcpListener, LocalError> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    listener.with_context(|| format!("the console can't listen on port {port}; name another port")).or_asked()
}

impl Console {
    /// Answers who comes to `listener`.
    ///
    /// # Errors
    /// [`LocalError::Asked`] if Kafka's address or login can't be used. [`LocalError::Engine`] if no thread starts.
    pub fn start(listener: TcpListener, shown: Shown) -> Result<Self, LocalError> {
        let port = listener.local_addr().or_engine()?.port();
        let token = if shown.may_change { Some(token()?) } else { None };
        let fragment = token.as_ref().map(|token| format!("#token={token}")).unwrap_or_default();
        let address = format!("http://127.0.0.1:{port}/{fragment}");
        let stack = stack(&shown);
        let Shown { ledger, has_checkpoints, dynamodb, kafka, topics, groups, http, began, .. } = shown;
        let ledger = Arc::new(ledger);
        let newest = Newest::default();
        let reached = match &kafka {
            Some(kafka) => Some(topics::watch(kafka, watched(&topics, groups))?),
            None => None,
        };
        let (counted, known) = watch::channel(None);
        let (count, wishes) = mpsc::channel(1);
        let mut tasks = Vec::new();
        if let Some(began) = began {
            let _ = count.try_send(Wish { before: began, reported: 0 });
            tasks.push(tokio::spawn(settled::count(Arc::clone(&ledger), wishes, counted)));
        }
        if let (Some(kafka), Some(topic)) = (kafka.clone(), topics.outcomes.clone()) {
            tasks.push(tokio::spawn(follow(newest.clone(), kafka, topic)));
        }
        let served = Arc::new(Served {
            stack,
            live: Live::new(newest.clone(), reached, known, count),
            newest,
            reads: Reads::new(Arc::clone(&ledger), has_checkpoints),
            audits: Audits::default(),
            changes: Changes {
                ledger: Arc::clone(&ledger),
                kafka,
                topics,
                producer: OnceCell::new(),
                redriving: Mutex::default(),
            },
            ledger,
            dynamodb,
        });
        let router = router(Arc::clone(&served), http.map(|(_, router)| router), Gate { port, token });
        tasks.push(tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        }));
        Ok(Self { address, served, tasks })
    }

    /// Where a person opens it, with the token.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Tells all pages what a stack's functions have done so far. `None`: nobody sees them. To be called each second.
    pub fn show(&self, samples: Option<&[Sample]>) {
        self.served.live.show(samples);
    }

    /// Stops listening.
    pub fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What nobody can guess.
fn token() -> Result<String, LocalError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("making a token").or_engine()?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

/// The paths of the console.
fn router(served: Arc<Served>, http: Option<Router>, who: Gate) -> Router {
    let mut router = Router::new()
        .route("/api/stack", get(async |State(served): State<Arc<Served>>| found(&served.stack)))
        .route("/api/events", get(async |State(served): State<Arc<Served>>| served.live.events()))
        .route("/api/payments", get(payments).post(pay))
        .route("/api/payments/{id}", get(payment))
        .route("/api/accounts", get(accounts))
        .route("/api/accounts/{id}", get(account))
        .route("/api/accounts/{id}/statement", get(statement))
        .route("/api/dead-letters", get(dead_letters))
        .route("/api/dead-letters/redrive", post(redrive))
        .route("/api/audit", get(audit).post(begin_audit))
        .route("/api/openapi", get(openapi))
        .fallback(page::file)
        .with_state(served);
    if let Some(http) = http {
        router = router.nest_service("/api/http", http);
    }
    router.layer(from_fn_with_state(Arc::new(who), gate))
}

type Answer = Result<Response<Body>, Refusal>;

async fn payments(State(served): State<Arc<Served>>) -> Response<Body> {
    let (list, _) = served.newest.list(usize::MAX);
    answer(StatusCode::OK, format!(r#"{{"payments":{list}}}"#))
}

async fn payment(State(served): State<Arc<Served>>, Path(id): Path<String>) -> Answer {
    served.reads.payment(&id).await
}

async fn accounts(State(served): State<Arc<Served>>, RawQuery(query): RawQuery) -> Answer {
    served.reads.accounts(&Query::of(query.as_deref())).await
}

async fn account(State(served): State<Arc<Served>>, Path(id): Path<String>) -> Answer {
    served.reads.account(&id).await
}

async fn statement(State(served): State<Arc<Served>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    served.reads.statement(&id, &Query::of(query.as_deref())).await
}

async fn dead_letters(State(served): State<Arc<Served>>) -> Answer {
    served.reads.dead_letters().await
}

async fn pay(State(served): State<Arc<Served>>, body: Bytes) -> Answer {
    served.changes.pay(&body).await
}

async fn redrive(State(served): State<Arc<Served>>, body: Bytes) -> Answer {
    let answer = served.changes.redrive(&body).await;
    served.reads.forget_letters().await;
    answer
}

async fn audit(State(served): State<Arc<Served>>) -> Answer {
    Ok(found(&served.audits.told(&served.ledger, served.reads.has_checkpoints).await?))
}

async fn begin_audit(State(served): State<Arc<Served>>) -> Response<Body> {
    served.audits.begin(Arc::clone(&served.ledger), served.dynamodb.clone());
    answer(StatusCode::ACCEPTED, json!({ "running": true }).to_string())
}

async fn openapi() -> Answer {
    let unread = |error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error);
    Ok(found(&giro_template::read_yaml(OPENAPI).map_err(unread)?))
}

/// What the page is told of the stack, once.
fn stack(shown: &Shown) -> Value {
    let function = |[binary, name, from]: &[String; 3]| json!({ "binary": binary, "name": name, "from": from });
    let functions: Vec<Value> = shown.functions.iter().map(function).collect();
    let topics = &shown.topics;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "read_only": !shown.may_change,
        "live": shown.began.is_some(),
        "explorer": shown.http.is_some(),
        "started_at": clock::now().to_string(),
        "kafka": shown.kafka,
        "dynamodb": shown.dynamodb.as_deref().unwrap_or("AWS"),
        "http": shown.http.as_ref().map(|(address, _)| address),
        "topics": { "requests": topics.requests, "commands": topics.commands, "outcomes": topics.outcomes },
        "functions": functions,
        "currencies": currencies(),
    })
}

/// How many decimals each currency has.
fn currencies() -> BTreeMap<String, u32> {
    let letters = || 'A'..='Z';
    let codes =
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| String::from_iter([a, b, c]))));
    let known = |code: String| decimal::known(Currency::try_new(&code).ok()?).map(|decimals| (code, decimals));
    codes.filter_map(known).collect()
}

/// The topics that the page shows, in the order of its events.
fn watched(topics: &Topics, [of_requests, of_commands]: [Option<String>; 2]) -> Vec<Watched> {
    let watched = [(&topics.requests, of_requests), (&topics.commands, of_commands), (&topics.outcomes, None)];
    let watched = watched.into_iter().map(|(topic, group)| Watched { topic: topic.clone().unwrap_or_default(), group });
    watched.collect()
}

/// Follows the outcomes, also once a broker was away.
async fn follow(newest: Newest, kafka: String, topic: String) {
    loop {
        if let Err(error) = newest::follow(newest.clone(), &kafka, &topic).await {
            tracing::warn!("the console reads no outcomes now: {error:#}");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

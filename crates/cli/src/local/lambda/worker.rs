//! What: A worker process, and its seat at the runtime API.
//!
//! A worker is started with `AWS_LAMBDA_RUNTIME_API` set to a path of its own, so the API knows who asks. It asks for
//! its next invocation, and answers it by id. An answer to an invocation that it no longer has is refused.
//!
//! Source: AWS Lambda developer guide, "Using the Lambda runtime API".

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Answer, Function, LogSink};

/// What a worker is to do.
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    /// The deadline, in milliseconds since 1970.
    pub(super) deadline_ms: u64,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// Every worker's seat, by worker.
#[derive(Default)]
pub(super) struct Seats {
    last: AtomicU64,
    seats: Mutex<HashMap<u64, Arc<Seat>>>,
}

/// Where a worker's invocations wait for it, and its answers are awaited.
struct Seat {
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
}

impl Seats {
    fn get(&self, worker: u64) -> Option<Arc<Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).get(&worker).cloned()
    }
}

/// A worker process. Killed when dropped.
pub(super) struct Worker {
    id: u64,
    child: Child,
    outbox: mpsc::UnboundedSender<Invocation>,
    seats: Arc<Seats>,
    /// Copies what it writes to stderr, and keeps the last lines.
    errors: Option<JoinHandle<()>>,
    last_words: Arc<Mutex<Vec<String>>>,
}

/// How many of a worker's last lines on stderr are shown when it ends. A panic has two.
const LAST_WORDS_MAX: usize = 3;

/// The shell that starts workers.
const SHELL: &str = "bash";

/// Becomes the given binary, after it closes all files but the three that every process has. Otherwise the worker
/// inherits the embedded Kafka's connections. A cut connection would stay open in the worker, and its client would wait
/// for a minute.
const ALONE: &str = r#"for fd in /dev/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && exec {fd}>&-; done; exec "$0""#;

impl Worker {
    /// Starts a process of a function's binary, whose runtime API is at `address`.
    pub(super) fn start(function: &Function, address: &str, seats: &Arc<Seats>, log: &LogSink) -> anyhow::Result<Self> {
        let id = seats.last.fetch_add(1, Ordering::Relaxed);
        let (outbox, inbox) = mpsc::unbounded_channel();
        let seat = Seat { inbox: tokio::sync::Mutex::new(inbox), running: Mutex::new(None) };
        seats.seats.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(seat));
        ensure!(function.binary.is_file(), "starting {}: there is no such file", function.binary.display());
        let mut child = Command::new(SHELL)
            .args(["-c", ALONE])
            .arg(&function.binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/worker/{id}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string())
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(function.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", function.binary.display()))?;
        let last_words = Arc::default();
        let mut errors = None;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(copy_lines(stdout, function.name.clone(), Arc::clone(log), None));
        }
        if let Some(stderr) = child.stderr.take() {
            let last = Some(Arc::clone(&last_words));
            errors = Some(tokio::spawn(copy_lines(stderr, function.name.clone(), Arc::clone(log), last)));
        }
        Ok(Self { id, child, outbox, seats: Arc::clone(seats), errors, last_words })
    }

    /// The id of its process, until that has ended.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Gives it an invocation.
    pub(super) fn give(&self, invocation: Invocation) {
        // The receiver lives in the seat, which lives as long as this worker.
        let _ = self.outbox.send(invocation);
    }

    /// Waits until the process has ended. Says how, and gives its last lines.
    pub(super) async fn ended(&mut self) -> String {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        if let Some(errors) = self.errors.take() {
            let _ = errors.await;
        }
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if last_words.is_empty() { status } else { format!("{status}: {}", last_words.join(" ")) }
    }

    /// Ends the process, by its own id, and waits until it has.
    pub(super) async fn stop(mut self) {
        // Then it has already ended.
        let _ = self.child.kill().await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.seats.seats.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Looks for the shell that starts workers, once and not at each invocation.
pub(super) fn shell_is_there() -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(SHELL).is_file());
    ensure!(found, "functions are started by {SHELL}, and there is none in PATH: install it");
    Ok(())
}

async fn copy_lines(
    from: impl AsyncRead + Unpin,
    function: String,
    log: LogSink,
    last_words: Option<Arc<Mutex<Vec<String>>>>,
) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log(&function, &line);
        if let Some(last_words) = &last_words {
            let mut last_words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
            if last_words.len() == LAST_WORDS_MAX {
                last_words.remove(0);
            }
            last_words.push(line);
        }
    }
}

/// `GET …/invocation/next`: waits for the worker's next invocation.
pub(super) async fn next(State(seats): State<Arc<Seats>>, Path(worker): Path<u64>) -> Response<Body> {
    let Some(seat) = seats.get(worker) else { return status(StatusCode::GONE) };
    let Some(invocation) = seat.inbox.lock().await.recv().await else { return status(StatusCode::GONE) };
    let Invocation { request_id, payload, deadline_ms, reply } = invocation;
    *seat.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((request_id.clone(), reply));
    Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", request_id)
        .header("Lambda-Runtime-Deadline-Ms", deadline_ms)
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:000000000000:function:local")
        .body(Body::from(payload))
        .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// `POST …/invocation/{id}/response`
pub(super) async fn response(
    State(seats): State<Arc<Seats>>,
    Path((worker, id)): Path<(u64, String)>,
    body: Bytes,
) -> Response<Body> {
    answer(&seats, worker, &id, Answer::Response(body))
}

/// `POST …/invocation/{id}/error`
pub(super) async fn error(
    State(seats): State<Arc<Seats>>,
    Path((worker, id)): Path<(u64, String)>,
    body: Bytes,
) -> Response<Body> {
    answer(&seats, worker, &id, Answer::Error(body))
}

/// `POST …/init/error`. The process ends next, and so its invocation fails.
pub(super) async fn init_error() -> Response<Body> {
    status(StatusCode::ACCEPTED)
}

fn answer(seats: &Seats, worker: u64, id: &str, answer: Answer) -> Response<Body> {
    let Some(seat) = seats.get(worker) else { return status(StatusCode::GONE) };
    let mut running = seat.running.lock().unwrap_or_else(PoisonError::into_inner);
    match running.take() {
        Some((request_id, reply)) if request_id == id => {
            // If the invocation has just timed out, nobody waits.
            let _ = reply.send(answer);
            status(StatusCode::ACCEPTED)
        }
        other => {
            *running = other;
            status(StatusCode::BAD_REQUEST)
        }
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

//! What: Lambda on one machine: the Invoke call, the runtime API, and worker processes.
//!
//! | part | where |
//! |---|---|
//! | what listens | here |
//! | the Invoke call, and the names that it takes | `invoke`, `name` |
//! | invocations that nobody waits for | `asynchronous` |
//! | a function: its idle workers, its concurrency, its time-out | `function` |
//! | a worker process and its seat at the runtime API | `worker` |
//!
//! The handlers are the same binaries that deploy. They poll the runtime API as on AWS, each under a path of its own.
//!
//! Invariants: A worker has one invocation at a time. A worker that crashed or ran out of time is never used again.

mod asynchronous;
mod function;
mod invoke;
mod name;
mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::sync::oneshot;

use super::{LocalError, OrLocalError};
use function::Pool;
use worker::Seats;

use giro_template::Asynchronous;

/// The largest payload of an invocation. Source: AWS Lambda quotas.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// A function to run.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name in the Invoke call.
    pub name: String,
    /// Its binary.
    pub binary: PathBuf,
    /// Its environment. Only Lambda's own variables are added.
    pub environment: Vec<(String, String)>,
    /// Its memory, in MiB. The function is told it, but it isn't enforced.
    pub memory_mib: u32,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// How many may run at once. More must wait.
    pub concurrency: usize,
    /// What happens to invocations that nobody waits for.
    pub asynchronous: Asynchronous,
}

/// Takes each line that a worker writes: the function's name, and the line.
pub type LogSink = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// The result of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The function's response.
    Response(Bytes),
    /// The function failed. The JSON says how.
    Error(Bytes),
}

/// Lambda, running.
#[derive(Debug)]
pub struct LocalLambda {
    endpoint: String,
    pools: Arc<HashMap<String, Arc<Pool>>>,
    stop: oneshot::Sender<()>,
}

impl LocalLambda {
    /// Starts the Invoke call and the runtime API. Workers start when they are first needed.
    ///
    /// # Errors
    /// [`LocalError::Asked`] if a binary isn't there, [`LocalError::Engine`] if there is no shell to start it or no
    /// port is free.
    pub async fn start(functions: Vec<Function>, log: LogSink) -> Result<Self, LocalError> {
        for function in &functions {
            let binary = &function.binary;
            if !binary.is_file() {
                let (name, place) = (&function.name, binary.display());
                return Err(LocalError::Asked(anyhow!(
                    "the function {name}: no binary at {place}; `make build` builds it"
                )));
            }
        }
        worker::shell_is_there().or_engine()?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("binding a port for Lambda");
        let listener = listener.or_engine()?;
        let address = listener.local_addr().or_engine()?.to_string();
        let seats = Arc::new(Seats::default());
        let pool = |function: Function| {
            let name = function.name.clone();
            (name, Arc::new(Pool::new(function, address.clone(), Arc::clone(&seats), Arc::clone(&log))))
        };
        let pools: Arc<HashMap<String, Arc<Pool>>> = Arc::new(functions.into_iter().map(pool).collect());
        let invoke = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke::invoke))
            .layer(DefaultBodyLimit::max(PAYLOAD_BYTES_MAX))
            .with_state(Arc::clone(&pools));
        let runtime_api = Router::new()
            .route("/worker/{worker}/2018-06-01/runtime/invocation/next", get(worker::next))
            .route("/worker/{worker}/2018-06-01/runtime/invocation/{id}/response", post(worker::response))
            .route("/worker/{worker}/2018-06-01/runtime/invocation/{id}/error", post(worker::error))
            .route("/worker/{worker}/2018-06-01/runtime/init/error", post(worker::init_error))
            .layer(DefaultBodyLimit::max(PAYLOAD_BYTES_MAX))
            .with_state(seats);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            let server = axum::serve(listener, invoke.merge(runtime_api));
            tokio::select! {
                _ = server => {}
                _ = stopped => {}
            }
        });
        Ok(Self { endpoint: format!("http://{address}"), pools, stop })
    }

    /// Where the Invoke call listens, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The ids of a function's processes that have an invocation now.
    #[must_use]
    pub fn busy_pids(&self, function: &str) -> Vec<u32> {
        self.pools.get(function).map(|pool| pool.busy()).unwrap_or_default()
    }

    /// Ends every worker, and stops listening.
    pub async fn stop(self) {
        for pool in self.pools.values() {
            pool.stop().await;
        }
        let _ = self.stop.send(());
    }
}

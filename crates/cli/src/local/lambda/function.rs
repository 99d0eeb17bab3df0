//! What: One function: its idle workers, how many may run at once, and how long an invocation may take.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use tokio::sync::{Semaphore, oneshot};

use super::worker::{Invocation, Seats, Worker};
use super::{Answer, Function, LogSink};
use giro_template::Asynchronous;

/// A function and its workers.
pub(super) struct Pool {
    function: Function,
    /// Where the runtime API listens.
    address: String,
    seats: Arc<Seats>,
    log: LogSink,
    slots: Semaphore,
    idle: Mutex<Vec<Worker>>,
    /// The processes that have an invocation now.
    busy: Mutex<BTreeSet<u32>>,
}

/// A process that has an invocation, as long as this value exists. An invocation may be dropped half-way.
struct Busy<'a>(&'a Pool, u32);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("function", &self.function.name).finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(function: Function, address: String, seats: Arc<Seats>, log: LogSink) -> Self {
        let slots = Semaphore::new(function.concurrency.max(1));
        Self { function, address, seats, log, slots, idle: Mutex::default(), busy: Mutex::default() }
    }

    pub(super) fn name(&self) -> &str {
        &self.function.name
    }

    pub(super) fn asynchronous(&self) -> Asynchronous {
        self.function.asynchronous
    }

    /// The processes that have an invocation now.
    pub(super) fn busy(&self) -> Vec<u32> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Runs one invocation, on an idle worker or a new one.
    pub(super) async fn invoke(&self, payload: Bytes) -> Answer {
        // The semaphore is closed when the stack stops.
        let Ok(_slot) = self.slots.acquire().await else {
            return error("Giro.Stopped", "the local Lambda has stopped");
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => match Worker::start(&self.function, &self.address, &self.seats, &self.log) {
                Ok(worker) => worker,
                Err(cause) => return error("Runtime.InvalidEntrypoint", &format!("{cause:#}")),
            },
        };
        let _busy = worker.pid().map(|pid| {
            self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
            Busy(self, pid)
        });
        let request_id = request_id();
        let (reply, answered) = oneshot::channel();
        let deadline_ms = now_ms().saturating_add(u64::try_from(self.function.timeout.as_millis()).unwrap_or(u64::MAX));
        worker.give(Invocation { request_id: request_id.clone(), payload, deadline_ms, reply });
        tokio::select! {
            // An answer counts even if the worker ends right after it.
            biased;
            answer = answered => match answer {
                Ok(answer) => {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                    answer
                }
                Err(_) => error("Runtime.ExitError", &format!("RequestId: {request_id} Error: the worker went away")),
            },
            status = worker.ended() => {
                error("Runtime.ExitError", &format!("RequestId: {request_id} Error: Runtime exited with error: {status}"))
            }
            () = tokio::time::sleep(self.function.timeout) => {
                worker.stop().await;
                error("Sandbox.Timedout", &timed_out(&request_id, self.function.timeout))
            }
        }
    }

    /// Ends the idle workers, and takes no more invocations. Busy workers end after their invocations.
    pub(super) async fn stop(&self) {
        self.slots.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in idle {
            worker.stop().await;
        }
    }
}

fn timed_out(request_id: &str, timeout: Duration) -> String {
    format!(
        "RequestId: {request_id} Error: Task timed out after {}.{:02} seconds",
        timeout.as_secs(),
        timeout.subsec_millis() / 10
    )
}

/// A failure as Lambda tells it.
fn error(error_type: &str, message: &str) -> Answer {
    let json = serde_json::json!({ "errorType": error_type, "errorMessage": message });
    Answer::Error(Bytes::from(json.to_string()))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A random UUID, as Lambda's ids are.
fn request_id() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_invocation_is_a_uuid() {
        let ids: BTreeSet<String> = (0..1_000).map(|_| request_id()).collect();
        assert_eq!(ids.len(), 1_000, "each its own");
        for id in ids {
            assert_eq!(id.parse::<uuid::Uuid>().map(|id| id.get_version_num()), Ok(4), "{id}");
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert!(id.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f')), "{id}");
        }
    }
}

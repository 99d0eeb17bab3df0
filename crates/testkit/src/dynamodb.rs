//! What: Runs DynamoDB in this process, over HTTP on its own port.
//!
//! Data: Takes a folder for the tables, or none to keep them in memory. Gives an endpoint.
//!
//! The engine has its own thread and runtime, so that its work and its clients' work don't wait for each other.
//!
//! Limits: It never conflicts or throttles, and it is one writer. The memory store can inject those errors.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
use dynoxide::Database;
use giro::aws::{LOCAL_REGION, http_client, local_credentials, timeouts};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The file in the data folder.
const DATABASE_FILE: &str = "dynamodb.sqlite";
/// The engine that uses the folder holds this lock. It ends with its process.
const LOCK_FILE: &str = "lock";

/// At each write the engine looks for the stream's last record, and has no index for that. Without this index, a write
/// gets slower as the stream gets longer.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS giro_stream_records
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// The name of the engine's threads, by which their CPU time is told apart.
pub const THREAD: &str = "dynamodb";

/// A client for an engine on this machine, whatever the environment says.
#[must_use]
pub fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(LOCAL_REGION))
        .credentials_provider(local_credentials())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .endpoint_url(endpoint)
        .http_client(http_client(true));
    Client::from_conf(config.build())
}

/// A running engine. Stops when dropped.
#[derive(Debug)]
pub struct EmbeddedDynamoDb {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The lock of the data folder, held as long as the engine runs.
    _lock: Option<File>,
}

impl EmbeddedDynamoDb {
    /// Starts the engine. It answers when this returns. With `data`, tables persist in that folder.
    ///
    /// # Errors
    /// If the folder or its database can't be opened, another engine has the folder, or no port is free.
    pub fn start(data: Option<&Path>) -> anyhow::Result<Self> {
        let mut lock = None;
        let database = match data {
            None => in_memory().context("starting DynamoDB in memory")?,
            Some(folder) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("creating the data folder {}", folder.display()))?;
                lock = Some(take(folder)?);
                let file = folder.join(DATABASE_FILE);
                with_stream_index(&file)
                    .and_then(|()| Ok(Database::new(&file.to_string_lossy())?))
                    .with_context(|| format!("opening {}", file.display()))?
            }
        };
        // Bound before the thread starts: connections wait in the listener's queue until the engine takes them.
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("binding a port for DynamoDB")?;
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).thread_name(THREAD).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                let server = dynoxide::server::serve_with_shutdown(listener, database, std::future::pending());
                tokio::select! {
                    served = server => if let Err(error) = served {
                        tracing::error!(error, "the embedded DynamoDB stopped");
                    },
                    // Not graceful: idle clients may hold their connections for ever, and every write is durable
                    // already.
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name(THREAD.into()).spawn(serve)?;
        Ok(Self { endpoint, stop: Some(stop), thread: Some(thread), _lock: lock })
    }

    /// Where it listens, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for EmbeddedDynamoDb {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has nothing to say; if it panicked, its own message was printed.
            let _ = thread.join();
        }
    }
}

/// Locks a data folder for this engine. Two engines would write the same tables without knowing of each other.
fn take(folder: &Path) -> anyhow::Result<File> {
    let file = folder.join(LOCK_FILE);
    let opened = File::options().write(true).create(true).truncate(false).open(&file);
    let lock = opened.with_context(|| format!("opening {}", file.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "the data folder {} is in use by another `giro up`: stop that one first, or choose another folder",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", file.display())),
    }
}

/// Adds the index to a database, which is created if it doesn't exist.
fn with_stream_index(file: &Path) -> anyhow::Result<()> {
    let storage = dynoxide::storage::Storage::new(&file.to_string_lossy())?;
    Ok(storage.conn().execute_batch(STREAM_INDEX)?)
}

/// A database in memory with the index. It copies the index from an empty database in a file, because the engine offers
/// no other way.
fn in_memory() -> anyhow::Result<Database> {
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join(DATABASE_FILE);
    with_stream_index(&empty)?;
    let database = Database::memory()?;
    database.restore_from(&empty.to_string_lossy())?;
    Ok(database)
}

//! A proxy before one Kafka broker, whose connections can die without a word, as behind a gateway that forgot them.
//!
//! A broker tells clients its own address. In its answers the proxy writes its own port instead. So all connections of
//! a client go through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const HOST: &str = "127.0.0.1";

/// A proxy. It ends when it is dropped.
pub(super) struct Proxy {
    pub(super) address: String,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    /// How many connections there were.
    connections: AtomicU64,
    /// The connections up to this one are dead.
    dead: AtomicU64,
    /// How many messages came on dead connections.
    swallowed: AtomicU64,
}

impl Proxy {
    /// A proxy before the broker at this address.
    pub(super) async fn start(broker: &str) -> Self {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        let (broker, counted) = (broker.to_owned(), Arc::clone(&counts));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&broker).await else { continue };
                let number = counted.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let theirs: u16 = broker.rsplit_once(':').unwrap().1.parse().unwrap();
                let (client_reads, client_writes) = client.into_split();
                let (server_reads, server_writes) = server.into_split();
                tokio::spawn(pass(client_reads, server_writes, number, Arc::clone(&counted), None));
                let ports = Some((theirs, port));
                tokio::spawn(pass(server_reads, client_writes, number, Arc::clone(&counted), ports));
            }
        });
        Self { address: format!("{HOST}:{port}"), counts, accepting }
    }

    /// From now on, nothing passes on the connections that are open. They stay open, and nobody is told.
    pub(super) fn kill_silently(&self) {
        self.counts.dead.store(self.counts.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many messages were swallowed.
    pub(super) fn swallowed(&self) -> u64 {
        self.counts.swallowed.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes messages on, each a length and so many bytes. `ports` are a port to replace, and the one to write instead.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    counts: Arc<Counts>,
    ports: Option<(u16, u16)>,
) {
    let mut message = Vec::new();
    while let Ok(length) = from.read_u32().await {
        message.resize(length as usize, 0);
        if from.read_exact(&mut message).await.is_err() {
            return;
        }
        if number <= counts.dead.load(Ordering::SeqCst) {
            counts.swallowed.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        if let Some((theirs, own)) = ports {
            readdress(&mut message, theirs, own);
        }
        if to.write_u32(length).await.is_err() || to.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// An address is the host's text, then the port as four bytes, big-endian.
fn readdress(message: &mut [u8], theirs: u16, own: u16) {
    let address = |port: u16| [HOST.as_bytes(), &u32::from(port).to_be_bytes()].concat();
    let (theirs, own) = (address(theirs), address(own));
    let mut at = 0;
    while let Some(found) = message[at..].windows(theirs.len()).position(|window| window == theirs) {
        message[at + found..at + found + own.len()].copy_from_slice(&own);
        at += found + own.len();
    }
}

//! What: Stands before the embedded broker, so that clients of every language can talk to it.
//!
//! The broker's own address tells clients the broker's port, and knows only forms of requests that librdkafka uses.
//!
//! | part | where |
//! |---|---|
//! | the numbers of requests | `keys` |
//! | the fields of a frame | `fields` |
//! | which versions are known | `versions` |
//! | requests of consumer groups | `groups` |
//! | which frames change | `translate` |
//! | connections | here |
//!
//! Data: Takes the broker's address. Gives an address for clients, and each of them a connection of its own to the
//! broker.
//!
//! Invariants: Each answer is one of the broker, so answers stay in the order of their requests. If one side of a
//! connection ends, or the broker can't be reached, the other side ends too. All ends with the front.
//!
//! Limits: It speaks no TLS, as the broker does.

mod fields;
mod groups;
mod keys;
mod translate;
mod versions;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use translate::{HOST, Ports, Question, invalid, question};

/// How many bytes a frame may have. The broker takes 100,000,000.
const FRAME_MAX: u32 = 100 * 1024 * 1024;

/// How many of a client's questions may wait. More than that wait in its connection.
const QUESTIONS_MAX: usize = 1_000;

/// How long to wait after a connection could not be accepted, such as for want of files.
const BREATH: Duration = Duration::from_millis(100);

/// The front, listening. Stops when dropped, with all connections.
#[derive(Debug)]
pub(super) struct Front {
    address: String,
    accepting: JoinHandle<()>,
}

impl Front {
    /// Begins to listen before the broker at this address.
    ///
    /// # Errors
    /// If the address has no port, or nothing can listen here.
    pub(super) async fn start(broker: &str) -> io::Result<Self> {
        let port = broker.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let broker: u16 = port.ok_or_else(|| invalid(format!("the broker's address is {broker}: expected a port")))?;
        let listener = TcpListener::bind((HOST, 0)).await?;
        let own = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => drop(connections.spawn(told(client, Ports { broker, own }))),
                        Err(_) => tokio::time::sleep(BREATH).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address: format!("{HOST}:{own}"), accepting })
    }

    /// Where it listens, such as `127.0.0.1:40002`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves a connection until it ends, and logs what no client of Kafka sends.
async fn told(client: TcpStream, ports: Ports) {
    if let Err(error) = serve(client, ports).await
        && error.kind() == io::ErrorKind::InvalidData
    {
        tracing::warn!("a connection to the embedded Kafka was closed: {error}");
    }
}

async fn serve(mut client: TcpStream, ports: Ports) -> io::Result<()> {
    let mut broker = TcpStream::connect((HOST, ports.broker)).await?;
    // A frame is written at once, and its reader waits for it.
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_broker, to_broker) = broker.split();
    let (ask, asked) = mpsc::channel(QUESTIONS_MAX);
    tokio::select! {
        ended = requests(from_client, to_broker, ask) => ended,
        ended = answers(from_broker, to_client, asked, ports) => ended,
    }
}

/// Passes a client's requests to the broker. A question is known before the broker can answer it.
async fn requests(
    client: impl AsyncRead + Unpin,
    mut broker: impl AsyncWrite + Unpin,
    ask: mpsc::Sender<Question>,
) -> io::Result<()> {
    let mut client = BufReader::new(client);
    while let Some(mut frame) = read(&mut client).await? {
        if let Some(question) = question(&mut frame)? {
            ask.send(question).await.map_err(io::Error::other)?;
        }
        broker.write_all(&frame).await?;
    }
    Ok(())
}

/// Passes the broker's answers to a client. They come in the order of their requests, and some requests get none.
async fn answers(
    broker: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    mut asked: mpsc::Receiver<Question>,
    ports: Ports,
) -> io::Result<()> {
    let mut broker = BufReader::new(broker);
    let mut next = None;
    while let Some(mut frame) = read(&mut broker).await? {
        next = next.or_else(|| asked.try_recv().ok());
        if let Some(question) = next.take_if(|question| question.is_answered_by(&frame)) {
            frame = question.answer(frame, ports)?;
        }
        client.write_all(&frame).await?;
    }
    Ok(())
}

/// The next frame, with its length before it. None at the end.
async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => drop(read?),
    }
    let size = u32::from_be_bytes(length);
    if size > FRAME_MAX {
        return Err(invalid(format!("a frame has {size} bytes: expected at most {FRAME_MAX}")));
    }
    // It grows as bytes come: a length alone takes no memory.
    let mut frame = length.to_vec();
    let read = from.take(size.into()).read_to_end(&mut frame).await?;
    // Else the sender is gone.
    Ok(u32::try_from(read).is_ok_and(|read| read == size).then_some(frame))
}

#[cfg(test)]
mod tests;

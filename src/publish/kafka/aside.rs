//! What: Ends a client without letting its owner wait for it.

/// Drops a client beside the caller, because it waits for its threads.
pub(super) fn end_aside(client: Option<impl Send + 'static>) {
    if let Some(client) = client {
        // Without a thread it is dropped here, which only takes longer.
        let _ = std::thread::Builder::new().name("kafka-ends".into()).spawn(move || drop(client));
    }
}
